"""Compares what is read about a user with what an erasure deletes, over a real Redis."""

from __future__ import annotations

import inspect
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from clients.redis.connection import redis_client
from contracts.experiments.changes import CHANGE_KEYS
from contracts.experiments.definition import Definition
from contracts.experiments.record import define
from contracts.settings import StateSettings
from contracts.stored import keyspace, records
from serving.redis.reads import stored_user as reads
from serving.redis.reads.stored_user import StoredUser
from streaming.state.apply import UserEvent, apply_events
from streaming.state.erasure import Erasure, erase_users
from tests.serving.conftest import through_store
from tests.serving.world import World
from tests.streaming.state.test_erasure import dump

pytestmark = pytest.mark.redis_cluster_too

SHARDS = 2
STATE = StateSettings(redis_shards=SHARDS, earlier_events=2)
IDS = [f"{n:08x}-0000-4000-8000-{n:012x}" for n in range(9)]
SHARD = keyspace.shard_of("ann", SHARDS)


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    """A Redis that has "ann" in every key that holds users."""
    World(shards=SHARDS, histories={}, top={"ann": [("i03", 0.9), ("i04", 0.5)]}).write(redis_url)
    with redis_client(redis_url) as connection:
        done = [
            ("i00", "like", 5, IDS[0]),
            ("i00", "like", 7, IDS[1]),
            ("i01", "view", 6, IDS[2]),
            ("i01", "retract", 8, IDS[3]),
            ("i02", "like", 6, IDS[4]),
            ("i02", "dislike", 9, IDS[5]),
        ]
        events = [
            UserEvent("ann", item, records.HistoryEntry(name, moment, event_id, 1.0))
            for item, name, moment, event_id in done
        ]
        apply_events(connection, [*events, events[0]._replace(user_id="bob")], STATE)
        connection.zadd(keyspace.MODEL_VERSIONS, {"v1": 1.0})
        connection.hset(
            keyspace.top_users("v1"), "i03", records.encode_ranked_ids(["ann", "bob"], [0.5, 0.1])
        )
        connection.hset(keyspace.top_users("v1"), "i04", records.encode_ranked_ids(["anne"], [0.5]))
        connection.hset(keyspace.new_item_users("v1", "i00"), "ann", struct.pack("<d", 2.5) + b"taste")
        fresh = records.FreshList("v1", 1, {0: 1}, (5, 4), (2.0, 1.0))
        connection.set(keyspace.fresh("ann", SHARDS), records.encode_fresh(fresh))
        connection.zadd(keyspace.shown_items("ann", SHARDS), {"i09": 11})
        for place, queue in enumerate((keyspace.pending, keyspace.active, keyspace.cooling)):
            connection.zadd(queue(SHARD), {"ann": 20 + place})
        entry = '{"kind": "user", "id": "ann", "attributes": {"age": "25"}, "updated_at": 4}'
        connection.hset(keyspace.CATALOG_USERS, "ann", records.encode_catalog(4, entry))
        shape = {
            "name": "e",
            "hypothesis": "h",
            "arms": [{"name": "a"}, {"name": "b"}],
            "testers": {"ann": "b"},
        }
        experiment = define(Definition.model_validate(shape), None, 1).to_json()
        connection.hset(CHANGE_KEYS[0], mapping={"e": experiment, "damaged": "{"})
        yield connection


def _read(redis_url: str, user_id: str) -> StoredUser:
    found: StoredUser = through_store(
        redis_url, lambda store: reads.stored_user(store, user_id), redis_shards=SHARDS
    )
    return found


def _keys_with(client: redis.Redis, user_id: str) -> set[str]:
    """The keys that name a user, by a search through everything."""
    names = (key for key in client.scan_iter() if client.type(key) in (b"hash", b"zset", b"string"))
    return {key.decode() for key in names if user_id.encode() in dump(client, key)}


def test_the_export_has_every_place_that_stores_something_about_a_user(
    client: redis.Redis, redis_url: str
) -> None:
    found = _read(redis_url, "ann")
    assert set(found.keys) == _keys_with(client, "ann")
    done = {(each.item_id, each.event_type): each.counts for each in found.interactions}
    assert done[("i00", "like")]
    assert not done[("i01", "retract")]
    assert (done[("i02", "dislike")], done[("i02", "like")]) == (True, False)
    assert [(each.item_id, each.event_time) for each in found.earlier if each.item_id == "i00"] == [
        ("i00", 5)
    ]
    assert [each.item_id for each in found.recent] == ["i02", "i01", "i00"]
    assert found.fresh_list is not None
    assert [each.item_id for each in found.fresh_list.items] == ["i05", "i04"]
    ((version, items),) = [(each.model_version, each.items) for each in found.model_lists]
    assert (version, [each.item_id for each in items]) == ("v1", ["i03", "i04"])
    assert [(each.item_id, each.score) for each in found.suited] == [("i00", 0.5), ("i03", 0.5)]
    assert [(each.item_id, each.score) for each in found.taught] == [("i00", 2.5)]
    assert [(each.item_id, each.at) for each in found.shown] == [("i09", 11)]
    assert found.waiting == {"fold_in": 20, "active": 21, "cooling": 22}
    assert found.tester_of == {"e": "b"}
    assert found.metadata is not None
    assert found.metadata["attributes"] == {"age": "25"}
    assert found.erased_until is None
    assert abs(found.read_at - time.time() * 1000) < 3_600_000


def test_after_an_erasure_the_export_holds_only_what_an_erasure_leaves(
    client: redis.Redis, redis_url: str
) -> None:
    """The catalogue's entry is replaced by another record of the topic, and testers are the operator's."""
    client.hdel(keyspace.CATALOG_USERS, "ann")
    client.delete(CHANGE_KEYS[0])
    client.hdel(keyspace.top_users("v1"), "i04")  # it names "anne", whom a search for "ann" finds
    erase_users(client, [Erasure("ann", 10)], STATE)
    found = _read(redis_url, "ann")
    assert set(found.keys) == _keys_with(client, "ann")
    assert found.erased_until == 10
    nothing = found.interactions, found.earlier, found.recent, found.suited, found.taught, found.shown
    assert not any(nothing)
    assert (found.waiting, found.metadata) == ({}, None)
    assert [each.items for each in found.model_lists] == [[]]  # emptied: a version is served as a whole
    assert found.fresh_list is not None
    assert found.fresh_list.items == []  # the guard of ten minutes


def test_the_export_of_an_unknown_user_is_empty(client: redis.Redis, redis_url: str) -> None:
    found = _read(redis_url, "nobody")
    assert found.keys == []
    assert found.elsewhere == list(reads.ELSEWHERE)


def test_the_export_has_every_kind_of_key_that_belongs_to_a_user() -> None:
    """A new one must be added here and to the erasure."""
    text = Path(reads.__file__).read_text(encoding="utf-8")
    of_users = [
        name
        for name, function in inspect.getmembers(keyspace, inspect.isfunction)
        if "user_id" in inspect.signature(function).parameters and name != "shard_of"
    ]
    assert len(of_users) >= 6
    assert [name for name in of_users if f"keyspace.{name}(" not in text] == []


def test_items_of_a_deleted_version_have_no_name(client: redis.Redis, redis_url: str) -> None:
    client.delete(keyspace.model_items("v1"))
    found = _read(redis_url, "ann")
    assert [each.item_id for each in found.model_lists[0].items] == [None, None]
