"""The keys that make up the state, which a rebuild deletes and writes again, and their digest."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Any

from contracts.redis_memory import Fault
from contracts.state_version import is_newer, state_fault
from contracts.stored import keyspace
from streaming.state.client import StateClient, chunks

_SCAN_COUNT = 1000
# Not part of the state: offsets, models, and what follows from it (fresh lists and the users waiting for
# one).
_STATE_KEY = re.compile(
    r"hw:(\{\d+\}:((history|recent|retracted|earlier|together):.*|popularity|trend|erased)"
    r"|popularity|newest|popular(:category:.*)?|trending:.*|catalog:.*)",
    re.DOTALL,
)


def state_keys(client: StateClient) -> Iterator[str]:
    """Every key of the state; a key may be returned twice."""
    for key in client.scan_iter(match="hw:*", count=_SCAN_COUNT):
        if _STATE_KEY.fullmatch(text := key.decode()):
            yield text


def clear_state(client: StateClient) -> None:
    """Delete what `rebuild` will write again."""
    for chunk in chunks(state_keys(client)):
        with client.pipeline(transaction=False) as pipeline:
            for key in chunk:
                pipeline.unlink(key)
            pipeline.execute()


def state_digest(client: StateClient) -> str:
    """SHA-256 over every byte of the state, independent of the order in which Redis keeps it."""
    total = 0
    for key in set(state_keys(client)):
        for field, value in _members(client, key):
            parts = b"".join(len(part).to_bytes(4, "big") + part for part in (key.encode(), field, value))
            total ^= int.from_bytes(hashlib.sha256(parts).digest(), "big")
    return f"{total:064x}"


def _members(client: StateClient, key: str) -> Iterable[tuple[bytes, bytes]]:
    if client.type(key) == b"zset":
        ranked: Any = client.zrange(key, 0, -1, withscores=True)
        return [(item, repr(score).encode()) for item, score in ranked]
    fields: Any = client.hgetall(key)
    return list(fields.items())


def is_there(client: StateClient) -> bool:
    """Whether Redis has the mark of a complete state, which a flush or an empty restart removes."""
    return bool(client.get(keyspace.STATE_VERSION) == str(keyspace.STATE).encode())


def newer_state(client: StateClient) -> Fault | None:
    """The fault if a newer version of Headwater wrote the state, which a rebuild by this one would damage."""
    mark = client.get(keyspace.STATE_VERSION)
    text = mark.decode() if isinstance(mark, bytes) else ""
    return state_fault(text) if is_newer(text) else None


def mark_written(client: StateClient) -> None:
    """Set the mark: Redis holds the complete state of this version."""
    client.set(keyspace.STATE_VERSION, str(keyspace.STATE))


def take_mark_away(client: StateClient) -> None:
    """Remove the mark: the state in Redis is incomplete, and answers are stale until a rebuild has ended."""
    client.delete(keyspace.STATE_VERSION)


def is_being_rebuilt(client: StateClient) -> bool:
    """Whether a rebuild runs now."""
    return bool(client.exists(keyspace.STATE_REBUILDING))
