from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from clients.redis.connection import redis_client
from contracts.settings import StateSettings
from contracts.stored import keyspace
from contracts.stored.records import HistoryEntry
from streaming.state.applied_offsets import write_applied
from streaming.state.apply import UserEvent, apply_events
from streaming.state.keys import clear_state, is_there, mark_written, state_digest
from streaming.state.merged_lists import merge_items

pytestmark = pytest.mark.redis_cluster_too

STATE = StateSettings(redis_shards=2)
ID = "00000000-0000-4000-8000-000000000000"
NOT_STATE = [
    keyspace.CURRENT_MODEL,
    keyspace.fresh("x}:history:y", 2),
    keyspace.top_n(0, "v:history:1"),
    keyspace.pending(0),
    keyspace.cooling(0),
    keyspace.STATE_VERSION,
]


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis_client(redis_url) as connection:
        connection.flushall()
        events = [UserEvent("a", item, HistoryEntry("rating", 1, ID, 4.0)) for item in "xy"]
        apply_events(connection, events, STATE)
        merge_items(connection, "xy", STATE)
        yield connection


def test_clearing_the_state_keeps_models_and_lists_and_offsets(client: redis.Redis) -> None:
    for key in NOT_STATE:
        client.set(key, "kept")
    write_applied(client, keyspace.APPLIED_ONLINE, {"interactions:0": 5})
    clear_state(client)
    assert client.exists(*NOT_STATE, keyspace.APPLIED_ONLINE) == client.dbsize() == len(NOT_STATE) + 1
    assert client.hgetall(keyspace.APPLIED_ONLINE) == {b"interactions:0": b"5"}


def test_the_digest_covers_every_byte_of_the_state_and_nothing_else(client: redis.Redis) -> None:
    before = state_digest(client)
    for key in NOT_STATE:
        client.set(key, "something")
    assert state_digest(client) == before
    client.zadd(keyspace.POPULAR, {"x": 4.000001})
    changed = state_digest(client)
    assert changed != before
    client.hset(keyspace.earlier("a", 2), "x", b"123456789")
    changed, before = state_digest(client), changed
    assert changed != before
    client.zadd(keyspace.together("x", 0), {"y": 9})
    assert state_digest(client) not in (before, changed)


def test_the_mark_is_gone_after_a_flush(client: redis.Redis) -> None:
    assert not is_there(client)
    mark_written(client)
    assert is_there(client)
    client.flushall()
    assert not is_there(client)
