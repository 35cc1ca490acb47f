from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from pyspark.sql import SparkSession

from clients.redis.connection import redis_client
from contracts.settings import StreamingSettings
from contracts.stored import keyspace
from contracts.stored.hotness import HOTNESS_STEP
from contracts.stored.records import HistoryEntry, decode_fresh
from streaming.fold_in.catch_up import CatchUp, count_pending, follow_model, newest_pending
from streaming.fold_in.lists import fold_in_users, queue_users
from streaming.state.apply import UserEvent, apply_events
from streaming.state.status import read_status
from tests.streaming.model_in_redis import publish, publish_with_blend

ITEMS = [f"i{n}" for n in range(10)]
USERS = [f"u{n}" for n in range(300)]


@pytest.fixture
def settings(redis_url: str) -> StreamingSettings:
    return StreamingSettings(redis_url=redis_url, redis_shards=2, fresh_n=3)


@pytest.fixture
def client(redis_url: str, settings: StreamingSettings) -> Iterator[redis.Redis]:
    with redis_client(redis_url) as connection:
        connection.flushall()
        entry = HistoryEntry("like", 1, "00000000-0000-4000-8000-000000000000", 1.0)
        apply_events(connection, [UserEvent(user, "i1", entry) for user in USERS], settings)
        yield connection


def versions(client: redis.Redis) -> set[str]:
    raw: list[Any] = [client.get(keyspace.fresh(user, 2)) for user in USERS]
    return {decode_fresh(each).version if each else "none" for each in raw}


def hotness(client: redis.Redis, user: str) -> float | None:
    raw: Any = client.get(keyspace.fresh(user, 2))
    return decode_fresh(raw).hotness


@pytest.mark.redis_cluster_too
def test_all_waiting_users_are_folded_in_and_again_after_a_new_model(
    spark: SparkSession, client: redis.Redis, settings: StreamingSettings
) -> None:
    publish(client, "v1", ITEMS)
    catch_up = CatchUp(spark, settings, lambda: False)
    queue_users(client, USERS, settings)
    assert [catch_up.step() for _ in range(3)] == [True, True, False]
    assert versions(client) == {"v1"}
    publish(client, "v2", ITEMS, seed=1)
    while catch_up.step():
        pass
    assert versions(client) == {"v2"}
    assert read_status(client).pending_users == 0
    # Only the hot list of a user who has been away for a half-life is made again.
    publish_with_blend(client, "v3", ITEMS)
    while catch_up.step():
        pass
    shard = keyspace.shard_of("u7", 2)
    for key in (keyspace.active(shard), keyspace.cooling(shard)):
        moment: Any = client.zscore(key, "u7")
        client.zadd(key, {"u7": moment - 8 * 3_600_000})
    assert [catch_up.step() for _ in range(2)] == [True, False]
    assert hotness(client, "u7") == pytest.approx(0.5, abs=HOTNESS_STEP)
    assert (hotness(client, "u8") or 0) > 0.9


def test_without_a_model_no_user_waits_and_the_first_model_folds_in_all_active_users(
    client: redis.Redis, settings: StreamingSettings
) -> None:
    queue_users(client, USERS[:5], settings)
    fold_in_users(client, USERS[5:7], {}, settings)
    assert follow_model(client, settings) is None
    assert count_pending(client, 2) == 0
    publish(client, "v1", ITEMS)
    assert follow_model(client, settings) == "v1"
    assert sorted(newest_pending(client, 2, 100)) == USERS[:7]


def test_the_most_recently_active_users_are_folded_in_first(
    client: redis.Redis, settings: StreamingSettings
) -> None:
    for n, user in enumerate(USERS[:6]):
        client.zadd(keyspace.pending(keyspace.shard_of(user, 2)), {user: n})
    assert newest_pending(client, 2, 3) == ["u5", "u4", "u3"]


def test_a_model_that_was_handled_already_puts_no_user_in_the_queue(
    client: redis.Redis, settings: StreamingSettings
) -> None:
    publish(client, "v1", ITEMS)
    fold_in_users(client, USERS[:3], {}, settings)
    follow_model(client, settings)
    assert count_pending(client, 2) == 3
    for shard in range(2):
        client.delete(keyspace.pending(shard))
    follow_model(client, settings)
    assert count_pending(client, 2) == 0
