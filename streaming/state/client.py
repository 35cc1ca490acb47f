"""Applies interactions and the catalogue to Redis. Guarantee: any order, any repetition, the same state."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from contracts.settings import StateSettings
from contracts.stored import keyspace
from contracts.stored.records import HistoryEntry, encode_catalog, encode_entry
from contracts.stored.statuses import STATE_LOST, StreamingStatus
from streaming.state.script import lua, state_script

StateClient = redis.Redis
T = TypeVar("T")
_CHUNK = 1000
_RETRIES = 30  # about a minute: a restarting Redis delays a batch, it does not end the query


class UserEvent(NamedTuple):
    """What the state needs of one interaction."""

    user_id: str
    item_id: str
    entry: HistoryEntry


class CatalogRecord(NamedTuple):
    """What the state needs of one catalogue entry."""

    kind: str
    id: str
    updated_at: int
    json: str


@cache
def connect(url: str) -> redis.Redis:
    """One client per process and address (Spark keeps its Python workers)."""
    retry = Retry(ExponentialBackoff(cap=2, base=0.05), _RETRIES)
    return redis.Redis.from_url(url, socket_timeout=30, socket_connect_timeout=5, retry=retry)


def chunks(rows: Iterable[T]) -> Iterator[list[T]]:
    """Lists of what one pipeline carries."""
    iterator = iter(rows)
    while chunk := list(islice(iterator, _CHUNK)):
        yield chunk


def apply_events(client: redis.Redis, events: Iterable[UserEvent], settings: StateSettings) -> int:
    """Apply interactions, one atomic script per user. Returns how many entries changed."""
    by_user: dict[str, list[bytes | str]] = defaultdict(list)
    for user_id, item_id, entry in events:
        by_user[user_id] += (item_id, encode_entry(entry))
    script, changed = client.register_script(state_script(settings)), 0
    for users in chunks(by_user.items()):
        with client.pipeline(transaction=False) as pipeline:
            for user_id, arguments in users:
                keys = user_keys(user_id, settings.redis_shards)
                # A script's arguments are bounded by Lua's stack, a user's events are not.
                for start in range(0, len(arguments), 2 * _CHUNK):
                    some = arguments[start : start + 2 * _CHUNK]
                    script(keys=keys, args=[user_id, "", *some], client=pipeline)
            changed += sum(pipeline.execute())
    return changed


def user_keys(user_id: str, shards: int) -> list[str]:
    """The keys of ``apply_events.lua``: all in the user's slot."""
    shard = keyspace.shard_of(user_id, shards)
    return [
        keyspace.history(user_id, shards),
        keyspace.recent(user_id, shards),
        keyspace.retracted(user_id, shards),
        keyspace.popularity_shard(shard),
        keyspace.trend_shard(shard),
        keyspace.together("", shard),
        keyspace.erased(shard),
    ]


def apply_catalog(client: redis.Redis, entries: Sequence[CatalogRecord]) -> None:
    """Keep the newest entry of each item and user; erasures are for ``streaming.state.erasure``."""
    script = client.register_script(lua(__package__, "apply_catalog.lua"))
    for kind, key in (("item", keyspace.CATALOG_ITEMS), ("user", keyspace.CATALOG_USERS)):
        for chunk in chunks(entry for entry in entries if entry.kind == kind):
            arguments = [part for e in chunk for part in (e.id, encode_catalog(e.updated_at, e.json))]
            script(keys=[key], args=arguments, client=client)


def write_applied(client: redis.Redis, key: str, next_offsets: dict[str, int]) -> None:
    """Publish how far a query has come: "topic:partition" -> next offset."""
    if next_offsets:
        client.hset(key, items=[text for pair in next_offsets.items() for text in map(str, pair)])


def read_applied(client: redis.Redis, key: str) -> dict[str, int]:
    """What write_applied wrote; partitions that no batch has touched are absent."""
    fields: Any = client.hgetall(key)
    return {partition.decode(): int(offset) for partition, offset in fields.items()}


def advance_applied(client: redis.Redis, moves: Mapping[str, tuple[int, int]]) -> str | None:
    """Move applied offsets on, all or none: source -> where it must stand, next offset.

    Returns a source that stands elsewhere, if one does.
    """
    script = client.register_script(lua(__package__, "advance_applied.lua"))
    elsewhere: Any = script(
        keys=[keyspace.APPLIED_ONLINE],
        args=[part for source, move in moves.items() for part in (source, *move)],
    )
    return None if elsewhere is None else str(elsewhere.decode())


def write_status(client: redis.Redis, status: StreamingStatus) -> None:
    """Publish figures of the queries; those that are not set stay as they are."""
    client.hset(keyspace.STREAMING_STATUS, items=[text for pair in status.encode().items() for text in pair])


def clear_state_lost(client: redis.Redis) -> None:
    """Take back that Redis has lost the state."""
    client.hdel(keyspace.STREAMING_STATUS, STATE_LOST)


def read_status(client: redis.Redis) -> StreamingStatus:
    """What the queries wrote last."""
    fields: Any = client.hgetall(keyspace.STREAMING_STATUS)
    return StreamingStatus.decode(fields)
