"""Erasure of users, for any order of tombstone and events, over a real Redis."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clients.redis.connection import redis_client
from contracts.events import EVENT_TYPES
from contracts.settings import StateSettings
from contracts.stored import keyspace
from contracts.stored.records import (
    HistoryEntry,
    Popularity,
    decode_earlier,
    decode_fresh,
    decode_ranked_ids,
    encode_ranked_ids,
)
from streaming.state.apply import UserEvent, apply_events
from streaming.state.erasure import Erasure, erase_users
from streaming.state.keys import state_digest
from streaming.state.merged_lists import merge_items
from tests.streaming import state_oracle

STATE = StateSettings(
    redis_shards=2,
    together_window=3,
    together_degree=2,
    history_cap=4,
    trend_half_lives=(300, 604_800),
    earlier_events=2,
)
IDS = [f"{n:08x}-0000-4000-8000-{n:012x}" for n in range(3)]
TIMES = [1, 999, 1_700_000_000_000, 1_700_000_090_000, 1_700_000_300_000]
Step = UserEvent | Erasure


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis_client(redis_url) as connection:
        yield connection


def events() -> st.SearchStrategy[UserEvent]:
    entry = st.builds(
        HistoryEntry,
        event_type=st.sampled_from(EVENT_TYPES),
        event_time=st.sampled_from(TIMES),
        event_id=st.sampled_from(IDS),
        value=st.sampled_from([0.5, 3.3, 5.0]),
    )
    items = st.sampled_from(["1", "2", "3", "4", "5", "é{0}"])
    return st.builds(UserEvent, st.sampled_from(["a", "b", "x:{y}:history:z"]), items, entry)


def erasures() -> st.SearchStrategy[Erasure]:
    moments = st.sampled_from([0, 1, 500, *TIMES[2:], TIMES[-1] + 1])
    return st.builds(Erasure, st.sampled_from(["a", "x:{y}:history:z"]), moments)


def apply(client: redis.Redis, steps: Sequence[Step]) -> str:
    client.flushall()
    for step in steps:
        if isinstance(step, Erasure):
            items = erase_users(client, [step], STATE)
        else:
            apply_events(client, [step], STATE)
            items = [step.item_id]
        merge_items(client, items, STATE)
    return state_digest(client)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    given_events=st.lists(events(), max_size=25), tombstones=st.lists(erasures(), max_size=3), data=st.data()
)
def test_the_order_of_tombstones_and_events_does_not_matter(
    client: redis.Redis, given_events: list[UserEvent], tombstones: list[Erasure], data: st.DataObject
) -> None:
    steps: list[Step] = [*given_events, *tombstones]
    expected = apply(client, steps)
    assert apply(client, [*tombstones, *given_events]) == expected
    repeated = steps + (data.draw(st.lists(st.sampled_from(steps), max_size=5)) if steps else [])
    assert apply(client, data.draw(st.permutations(repeated))) == expected


@pytest.mark.redis_cluster_too
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given_events=st.lists(events(), max_size=25), tombstones=st.lists(erasures(), max_size=3))
def test_the_state_after_an_erasure_equals_that_of_the_other_events_alone(
    client: redis.Redis, given_events: list[UserEvent], tombstones: list[Erasure]
) -> None:
    apply(client, [*given_events, *tombstones])
    until = {user: max(e.until for e in tombstones if e.user_id == user) for user, _ in tombstones}
    left = [event for event in given_events if event.entry.event_time > until.get(event.user_id, -1)]
    winners = state_oracle.last_writers(left)
    for item in {event.item_id for event in given_events}:
        raw = client.hget(keyspace.POPULARITY, item)
        assert Popularity.decode(raw) == state_oracle.popularity(winners, item)
    shards = STATE.redis_shards
    for user in {event.user_id for event in given_events}:
        kept = client.hgetall(keyspace.history(user, shards)) | client.hgetall(
            keyspace.retracted_items(user, shards)
        )
        assert {item.decode() for item in kept} == winners.get(user, {}).keys()
        recent = client.zrange(keyspace.recent(user, shards), 0, -1, withscores=True)
        expected = state_oracle.recent(winners[user], STATE) if user in winners else {}
        assert {item.decode(): score for item, score in recent} == expected
    moments = {
        (user, item.decode()): decode_earlier(raw)
        for user in {event.user_id for event in given_events}
        for item, raw in client.hgetall(keyspace.earlier(user, shards)).items()
    }
    assert moments == state_oracle.earlier(left, STATE)
    pairs: Counter[tuple[str, str]] = Counter()
    for key in client.scan_iter("hw:{*}:together:*"):
        for other, users in client.zrange(key, 0, -1, withscores=True):
            pairs[key.decode().rsplit(":", 1)[1], other.decode()] += int(users)
    together = state_oracle.together(winners, STATE)
    assert pairs == {(item, other): n for item, others in together.items() for other, n in others.items()}


@pytest.mark.redis_cluster_too
def test_an_erased_user_is_only_in_the_key_of_tombstones(client: redis.Redis) -> None:
    shard, shards = keyspace.shard_of("ann", STATE.redis_shards), STATE.redis_shards
    done = [UserEvent("ann", item, HistoryEntry("like", 5, IDS[0], 1.0)) for item in ("x", "y")]
    again = [each._replace(entry=each.entry._replace(event_time=7)) for each in done]
    apply_events(client, [*done, *again, done[0]._replace(user_id="bob")], STATE)
    client.zadd(keyspace.MODEL_VERSIONS, {"v1": 1.0})
    client.hset(keyspace.top_n(shard, "v1"), "ann", b"12345678")
    client.hset(keyspace.top_users("v1"), "x", encode_ranked_ids(["ann", "bob"], [0.5, 0.25]))
    client.hset(keyspace.top_users("v1"), "y", encode_ranked_ids(["bob"], [0.5]))
    client.hset(keyspace.new_item_users("v1", "x"), "ann", b"taste")
    client.set(keyspace.fresh("ann", shards), b"a list")
    client.zadd(keyspace.shown_items("ann", shards), {"z": 1})
    for queue in (keyspace.active(shard), keyspace.pending(shard), keyspace.cooling(shard)):
        client.zadd(queue, {"ann": 1})

    assert sorted(erase_users(client, [Erasure("ann", 10)], STATE)) == ["x", "y"]

    guard = decode_fresh(client.get(keyspace.fresh("ann", shards)))
    assert (guard.version, guard.indexes) == ("", ())
    assert 0 < client.ttl(keyspace.fresh("ann", shards)) <= 600
    client.delete(keyspace.fresh("ann", shards))
    assert client.hget(keyspace.top_n(shard, "v1"), "ann") == b""
    assert decode_ranked_ids(client.hget(keyspace.top_users("v1"), "x"))[0] == ["bob"]
    assert client.hgetall(keyspace.erased_users(shard)) == {b"ann": b"10"}
    left = [key.decode() for key in client.scan_iter() if b"ann" in dump(client, key)]
    assert sorted(left) == sorted([keyspace.erased_users(shard), keyspace.top_n(shard, "v1")])


def dump(client: redis.Redis, key: bytes) -> bytes:
    kind = client.type(key)
    if kind == b"hash":
        return key + b"".join(field + value for field, value in client.hgetall(key).items())
    if kind == b"zset":
        return key + b"".join(client.zrange(key, 0, -1))
    return key + client.get(key)


def test_a_user_who_comes_back_waits_for_a_new_list(client: redis.Redis) -> None:
    shard, shards = keyspace.shard_of("ann", STATE.redis_shards), STATE.redis_shards
    erase_users(client, [Erasure("ann", 10)], STATE)
    again = UserEvent("ann", "x", HistoryEntry("like", 11, IDS[0], 1.0))
    assert apply_events(client, [again], STATE) == 1
    erase_users(client, [Erasure("ann", 10)], STATE)  # the same tombstone once more
    assert client.hkeys(keyspace.history("ann", shards)) == [b"x"]
    assert client.zscore(keyspace.pending(shard), "ann") is not None


def test_an_older_tombstone_never_shortens_a_newer_one(client: redis.Redis) -> None:
    erase_users(client, [Erasure("ann", 10), Erasure("ann", 7)], STATE)
    late = UserEvent("ann", "x", HistoryEntry("like", 9, IDS[0], 1.0))
    assert apply_events(client, [late], STATE) == 0


@pytest.mark.redis_cluster_too
def test_a_user_with_more_items_than_a_script_takes_is_erased_completely(client: redis.Redis) -> None:
    many = [UserEvent("ann", str(n), HistoryEntry("view", n, IDS[0], 1.0)) for n in range(2500)]
    apply_events(client, many, STATE)
    assert len(erase_users(client, [Erasure("ann", 3000)], STATE)) == 2500
    assert not client.exists(keyspace.history("ann", STATE.redis_shards), keyspace.recent("ann", 2))
