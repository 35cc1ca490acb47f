from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
import redis

from clients.redis.connection import redis_client
from contracts.settings import StateSettings
from contracts.stored import keyspace
from contracts.stored.records import HistoryEntry
from streaming.state.apply import UserEvent, apply_events
from streaming.state.erasure import Erasure, erase_users
from streaming.state.merged_lists import merge_items
from streaming.state.wholeness import Wholeness, redis_memory

STATE = StateSettings(redis_shards=2)
ID = "00000000-0000-4000-8000-000000000000"
USERS = [f"user:{n}" for n in range(300)]


def entry(event_type: str, moment: int) -> HistoryEntry:
    return HistoryEntry(event_type, moment, ID, 4.0)


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis_client(redis_url) as connection:
        events = [UserEvent(user, f"i{n % 7}", entry("rating", 1)) for n, user in enumerate(USERS)]
        # One user retracted everything: the keys recent and retracted exist, the history does not.
        events.append(UserEvent(USERS[0], "i0", entry("retract", 2)))
        apply_events(connection, events, STATE)
        merge_items(connection, [f"i{n}" for n in range(7)], STATE)
        yield connection


def lone_of_a_whole_turn(client: redis.Redis) -> int:
    watch = Wholeness(client)
    return sum(watch.count_lone() for _ in range(20))


@pytest.mark.redis_cluster_too
def test_in_a_whole_state_each_key_has_the_keys_that_belong_to_it_even_after_an_erasure(
    client: redis.Redis,
) -> None:
    assert client.exists(keyspace.retracted_items(USERS[0], 2))
    assert lone_of_a_whole_turn(client) == 0
    erase_users(client, [Erasure(USERS[1], 5)], STATE)
    assert lone_of_a_whole_turn(client) == 0


def test_the_loss_of_a_sixth_of_the_keys_is_noticed(client: redis.Redis) -> None:
    keys = sorted(key for key in client.scan_iter(match="hw:*", count=1000) if b"user:" in key)
    client.delete(*random.Random(1).sample(keys, len(keys) // 6))
    assert lone_of_a_whole_turn(client) > 0


@pytest.mark.parametrize("key", [keyspace.POPULAR, keyspace.popularity_shard(0)])
def test_the_loss_of_a_list_over_all_users_is_noticed(client: redis.Redis, key: str) -> None:
    client.delete(key)
    assert lone_of_a_whole_turn(client) > 0


@pytest.mark.redis_cluster_too
def test_the_policy_of_a_full_redis_is_read(client: redis.Redis) -> None:
    memory = redis_memory(client)
    assert (memory.policy, memory.may_evict) == ("noeviction", False)
    assert memory.used_bytes > 0
