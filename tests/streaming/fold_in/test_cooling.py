from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from algorithms.blending.blend import Blend
from clients.redis.connection import redis_client
from contracts.settings import StreamingSettings
from contracts.stored import keyspace
from contracts.stored.hotness import HOTNESS_STEP
from contracts.stored.records import HistoryEntry, decode_fresh
from streaming.fold_in.catch_up import newest_pending
from streaming.fold_in.cooling import next_due, queue_cooled
from streaming.fold_in.lists import fold_in_users
from streaming.state.apply import UserEvent, apply_events
from tests.streaming.model_in_redis import publish, publish_with_blend

pytestmark = pytest.mark.redis_cluster_too

HOUR, WEEK = 3_600_000, 7 * 86_400
BLEND = Blend({"a": 1.0}, {"a": 0.5})
ITEMS = [f"i{n}" for n in range(20)]
SETTINGS = StreamingSettings(redis_shards=2, fresh_n=5)
SHARD = keyspace.shard_of("ann", 2)


@pytest.mark.parametrize(
    ("hours_after", "due_hours"), [(0, 8), (1, 8), (8, 24), (23.5, 24), (24, 72), (72, None), (1000, None)]
)
def test_a_list_is_made_again_after_eight_hours_and_after_a_day_and_after_three_days(
    hours_after: float, due_hours: float | None
) -> None:
    due = next_due(BLEND, 5, 5 + round(hours_after * HOUR), WEEK)
    assert due == (0 if due_hours is None else 5 + due_hours * HOUR)


def test_after_the_last_cooling_only_the_cold_weights_count() -> None:
    assert round(2**-9 / HOTNESS_STEP) == 0


def test_a_list_that_needs_no_cooling_is_never_due() -> None:
    assert next_due(None, 0, 0, WEEK) == 0
    assert next_due(Blend({"a": 1.0}, {"a": 1.0}), 0, 0, WEEK) == 0
    assert next_due(BLEND, 0, 0, 3600) == 0  # it expires before


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis_client(redis_url) as connection:
        connection.flushall()
        entry = HistoryEntry("like", 1, "00000000-0000-4000-8000-000000000000", 1.0)
        apply_events(connection, [UserEvent("ann", "i1", entry)], SETTINGS)
        yield connection


def score(client: redis.Redis, key: str) -> int:
    found: Any = client.zscore(key, "ann")
    assert found is not None
    return int(found)


def go_away(client: redis.Redis, hours: int) -> None:
    """As if the user's last event had arrived that much earlier."""
    for key in (keyspace.active(SHARD), keyspace.cooling(SHARD)):
        client.zadd(key, {"ann": score(client, key) - hours * HOUR})


def test_a_hot_list_is_cooled_step_by_step_while_its_user_is_away(client: redis.Redis) -> None:
    publish_with_blend(client, "v1", ITEMS)
    fold_in_users(client, ["ann"], {}, SETTINGS)
    lists, steps = [], [(0, 1.0), (8, 0.5), (24, 0.125), (72, 0.0)]
    away = 0
    for hours, hotness in steps:
        if hours:
            go_away(client, hours - away)
            away = hours
            arrived = score(client, keyspace.active(SHARD))
            assert queue_cooled(client, 2, arrived + hours * HOUR - 1) == 0
            assert queue_cooled(client, 2, arrived + hours * HOUR) == 1
            assert newest_pending(client, 2, 5) == ["ann"]
            fold_in_users(client, ["ann"], {}, SETTINGS, just_arrived=False)
        raw: Any = client.get(keyspace.fresh("ann", 2))
        fresh = decode_fresh(raw)
        assert fresh.hotness == pytest.approx(hotness, abs=HOTNESS_STEP)
        lists.append(fresh.scores)
    assert len(set(lists)) == len(steps)
    assert client.zscore(keyspace.cooling(SHARD), "ann") is None
    assert newest_pending(client, 2, 5) == []


def test_a_further_event_makes_the_list_hot_and_starts_its_cooling_again(client: redis.Redis) -> None:
    publish_with_blend(client, "v1", ITEMS)
    fold_in_users(client, ["ann"], {}, SETTINGS)
    go_away(client, 8)
    fold_in_users(client, ["ann"], {}, SETTINGS)
    arrived = score(client, keyspace.active(SHARD))
    assert score(client, keyspace.cooling(SHARD)) == arrived + 8 * HOUR
    assert queue_cooled(client, 2, arrived) == 0


def test_lists_by_factors_alone_are_not_cooled_and_a_rollback_to_such_a_model_empties_the_queue(
    client: redis.Redis,
) -> None:
    publish_with_blend(client, "v1", ITEMS)
    fold_in_users(client, ["ann"], {}, SETTINGS)
    assert client.zcard(keyspace.cooling(SHARD)) == 1
    publish(client, "v2", ITEMS)
    fold_in_users(client, ["ann"], {}, SETTINGS)
    assert client.zcard(keyspace.cooling(SHARD)) == 0


def test_a_user_who_is_no_longer_active_is_not_in_the_queue(client: redis.Redis) -> None:
    client.zadd(keyspace.cooling(0), {"bob": 1})
    assert queue_cooled(client, 2, 2) == 0
    assert newest_pending(client, 2, 5) == []
    assert client.zcard(keyspace.cooling(0)) == 0


def test_a_user_who_waits_already_keeps_the_later_place_in_the_queue(client: redis.Redis) -> None:
    client.zadd(keyspace.cooling(0), {"bob": 1})
    client.zadd(keyspace.active(0), {"bob": 5})
    client.zadd(keyspace.pending(0), {"bob": 9})
    assert queue_cooled(client, 2, 2) == 1
    assert client.zscore(keyspace.pending(0), "bob") == 9
