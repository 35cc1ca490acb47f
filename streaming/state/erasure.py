"""Forgets users in Redis. Guarantee: any order, any repetition of tombstones and events, the same state.

The tombstone is written first, in the user's slot. From then on `apply_events.lua` refuses older events of
the user, so what is read afterwards is everything that has to be removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from contracts.settings import StateSettings
from contracts.stored import keyspace
from contracts.stored.records import EMPTIED_LIST, FreshList, encode_fresh, without_ids
from streaming.state.apply import user_keys
from streaming.state.client import StateClient, chunks
from streaming.state.script import state_script

# A fold-in that read the history earlier may still write its list; an empty list with a later time prevails.
_GUARD_SECONDS = 600
_SCAN_COUNT = 1000


class Erasure(NamedTuple):
    """A user to forget, with all events up to a moment (epoch ms)."""

    user_id: str
    until: int


def erase_users(client: StateClient, erasures: Sequence[Erasure], settings: StateSettings) -> list[str]:
    """Erase users from the state and from the published models; returns the items that they had touched."""
    touched: list[str] = []
    versions = _versions(client) if erasures else []
    for erasure in erasures:
        items = _erase_state(client, erasure, settings)
        _erase_lists(client, erasure.user_id, items, versions, settings.redis_shards)
        touched += items
    if erasures:
        for version in versions:
            _leave_top_users(client, version, {erasure.user_id for erasure in erasures})
    return touched


def _erase_state(client: StateClient, erasure: Erasure, settings: StateSettings) -> list[str]:
    script = client.register_script(state_script(settings))
    keys = user_keys(erasure.user_id, settings.redis_shards)
    script(keys=keys, args=[erasure.user_id, erasure.until])
    known: Any = [*client.hkeys(keys[0]), *client.hkeys(keys[2])]
    for items in chunks(known):
        script(keys=keys, args=[erasure.user_id, erasure.until, *items])
    return [item.decode() for item in known]


def _erase_lists(
    client: StateClient, user_id: str, items: Sequence[str], versions: Sequence[str], shards: int
) -> None:
    """Delete the user's lists, queue entries and influence on new items. A user who returned awaits a new
    list."""
    shard = keyspace.shard_of(user_id, shards)
    seconds, micros = client.time()
    nothing = FreshList("", 1_000_000 * seconds + micros, {}, (), ())
    came_back = client.exists(keyspace.history(user_id, shards))
    with client.pipeline(transaction=False) as pipeline:
        pipeline.set(keyspace.fresh(user_id, shards), encode_fresh(nothing), ex=_GUARD_SECONDS)
        pipeline.unlink(keyspace.shown_items(user_id, shards))
        pipeline.zrem(keyspace.active(shard), user_id)
        pipeline.zrem(keyspace.cooling(shard), user_id)
        if came_back:
            pipeline.zadd(keyspace.pending(shard), {user_id: 1000 * seconds + micros // 1000})
        else:
            pipeline.zrem(keyspace.pending(shard), user_id)
        for version in versions:
            for item in items:
                pipeline.hdel(keyspace.new_item_users(version, item), user_id)
        pipeline.execute()
    for version in versions:
        top_n = keyspace.top_n(shard, version)
        if client.hexists(top_n, user_id):
            client.hset(top_n, user_id, EMPTIED_LIST)


def _versions(client: StateClient) -> list[str]:
    found: Any = client.zrange(keyspace.MODEL_VERSIONS, 0, -1)
    return [version.decode() for version in found]


def _leave_top_users(client: StateClient, version: str, users: set[str]) -> None:
    """Remove users from the lists of users whom an item suits."""
    key = keyspace.top_users(version)
    found: Any = client.hscan_iter(key, count=_SCAN_COUNT)
    for item, raw in found:
        left = without_ids(raw, users)
        if left is not None:
            client.hset(key, item, left)
