"""Applies interactions and the catalogue to Redis. Guarantee: any order, any repetition, the same state."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.resources import files
from itertools import islice
from typing import Any, NamedTuple

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from contracts import keyspace
from contracts.records import HistoryEntry, Popularity, encode_catalog, encode_entry

StateClient = redis.Redis
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


def _script(name: str) -> str:
    return files("streaming").joinpath(name).read_text()


def _chunks(rows: Iterable[Any]) -> Iterator[list[Any]]:
    iterator = iter(rows)
    while chunk := list(islice(iterator, _CHUNK)):
        yield chunk


def apply_events(client: redis.Redis, events: Iterable[UserEvent], shards: int) -> int:
    """Apply interactions, one atomic script per user. Returns how many entries changed."""
    by_user: dict[str, list[bytes | str]] = defaultdict(list)
    for user_id, item_id, entry in events:
        by_user[user_id] += (item_id, encode_entry(entry))
    script, changed = client.register_script(_script("apply_events.lua")), 0
    for users in _chunks(by_user.items()):
        with client.pipeline(transaction=False) as pipeline:
            for user_id, arguments in users:
                keys = [
                    keyspace.history(user_id, shards),
                    keyspace.popularity_shard(keyspace.shard_of(user_id, shards)),
                ]
                # A script's arguments are bounded by Lua's stack, a user's events are not.
                for start in range(0, len(arguments), 2 * _CHUNK):
                    script(keys=keys, args=arguments[start : start + 2 * _CHUNK], client=pipeline)
            changed += sum(pipeline.execute())
    return changed


def apply_catalog(client: redis.Redis, entries: Sequence[CatalogRecord]) -> None:
    """Keep the newest entry of each item and user; a new item enters the popular list with score 0."""
    script = client.register_script(_script("apply_catalog.lua"))
    by_key = (("item", keyspace.CATALOG_ITEMS), ("user", keyspace.CATALOG_USERS))
    for kind, key in by_key:
        for chunk in _chunks(entry for entry in entries if entry.kind == kind):
            with client.pipeline(transaction=False) as pipeline:
                arguments = [part for e in chunk for part in (e.id, encode_catalog(e.updated_at, e.json))]
                script(keys=[key], args=arguments, client=pipeline)
                if kind == "item":
                    pipeline.zadd(keyspace.POPULAR, {e.id: 0.0 for e in chunk}, nx=True)
                pipeline.execute()


def merge_popularity(
    client: redis.Redis, items: Iterable[str], shards: int, weights: dict[str, float]
) -> None:
    """Write the items' popularity over all shards as absolute values, so that repeating it is harmless."""
    for chunk in _chunks(sorted(set(items))):
        with client.pipeline(transaction=False) as pipeline:
            for shard in range(shards):
                pipeline.hmget(keyspace.popularity_shard(shard), chunk)
            per_shard = pipeline.execute()
        totals = {}
        for item, raws in zip(chunk, zip(*per_shard, strict=True), strict=True):
            totals[item] = sum((Popularity.decode(raw) for raw in raws if raw), Popularity())
        with client.pipeline(transaction=False) as pipeline:
            pipeline.hset(keyspace.POPULARITY, mapping={i: p.encode() for i, p in totals.items()})
            pipeline.zadd(keyspace.POPULAR, {i: p.score(weights) for i, p in totals.items()})
            pipeline.execute()


def write_applied(client: redis.Redis, key: str, next_offsets: dict[str, int]) -> None:
    """Publish how far a query has come: "topic:partition" -> next offset."""
    if next_offsets:
        client.hset(key, items=[text for pair in next_offsets.items() for text in map(str, pair)])


def read_applied(client: redis.Redis, key: str) -> dict[str, int]:
    """What write_applied wrote; partitions that no batch has touched are absent."""
    fields: Any = client.hgetall(key)
    return {partition.decode(): int(offset) for partition, offset in fields.items()}


def write_status(client: redis.Redis, status: dict[str, str]) -> None:
    """Publish figures of the queries for `headwater status`."""
    client.hset(keyspace.STREAMING_STATUS, items=[text for pair in status.items() for text in pair])


def _state_keys(client: redis.Redis, shards: int) -> Iterator[str]:
    yield from (keyspace.POPULARITY, keyspace.POPULAR, keyspace.CATALOG_ITEMS, keyspace.CATALOG_USERS)
    for shard in range(shards):
        yield keyspace.popularity_shard(shard)
    for key in client.scan_iter(match=keyspace.history_pattern(), count=1000):
        yield key.decode()


def clear_state(client: redis.Redis, shards: int) -> None:
    """Delete what `rebuild` will write again."""
    for keys in _chunks(_state_keys(client, shards)):
        with client.pipeline(transaction=False) as pipeline:
            for key in keys:
                pipeline.unlink(key)
            pipeline.execute()


def _members(client: redis.Redis, key: str) -> Iterable[tuple[bytes, bytes]]:
    if key == keyspace.POPULAR:
        ranked: Any = client.zrange(key, 0, -1, withscores=True)
        return [(item, repr(score).encode()) for item, score in ranked]
    fields: Any = client.hgetall(key)
    return list(fields.items())


def state_digest(client: redis.Redis, shards: int) -> str:
    """SHA-256 over every byte of the state, independent of the order in which Redis keeps it."""
    total = 0
    for key in sorted(set(_state_keys(client, shards))):
        for field, value in _members(client, key):
            parts = b"".join(len(part).to_bytes(4, "big") + part for part in (key.encode(), field, value))
            total ^= int.from_bytes(hashlib.sha256(parts).digest(), "big")
    return f"{total:064x}"
