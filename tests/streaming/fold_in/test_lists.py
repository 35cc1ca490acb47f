from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import redis

from algorithms.fold_in import fold_in
from algorithms.signals.history import from_events
from clients.redis.connection import redis_client
from contracts.settings import StreamingSettings
from contracts.stored import keyspace
from contracts.stored.hotness import HOTNESS_STEP
from contracts.stored.records import FreshList, HistoryEntry, decode_fresh, encode_fresh
from streaming.fold_in.lists import fold_in_users, queue_users
from streaming.state.apply import UserEvent, apply_events
from streaming.state.status import note_newest_event
from tests.streaming.model_in_redis import publish, publish_with_blend

pytestmark = pytest.mark.redis_cluster_too

ITEMS = [f"i{n}" for n in range(30)]
HOUR = 3_600_000
SETTINGS = StreamingSettings(
    redis_shards=2, fresh_n=5, fold_half_life_items=0, new_item_min_users=2, history_cap=10
)


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis_client(redis_url) as connection:
        connection.flushall()
        yield connection


def rate(
    client: redis.Redis, user: str, item: str, value: float, moment: int = 1, kind: str = "rating"
) -> None:
    event_id = f"{abs(hash((user, item, moment, kind))) % 2**32:08x}-0000-4000-8000-000000000000"
    entry = HistoryEntry(kind, moment, event_id, value)
    apply_events(client, [UserEvent(user, item, entry)], SETTINGS)


def fresh_of(client: redis.Redis, user: str) -> FreshList:
    raw: Any = client.get(keyspace.fresh(user, SETTINGS.redis_shards))
    assert raw is not None
    return decode_fresh(raw)


def pending(client: redis.Redis) -> set[str]:
    found: list[Any] = [client.zrange(keyspace.pending(s), 0, -1) for s in range(SETTINGS.redis_shards)]
    return {user.decode() for users in found for user in users}


def test_a_fresh_list_is_the_exact_top_n_of_the_folded_in_user_without_known_items(
    client: redis.Redis,
) -> None:
    factors = publish(client, "v1", ITEMS)
    rate(client, "a", "i1", 5.0)
    rate(client, "a", "i2", 1.0)
    assert fold_in_users(client, ["a"], {0: 7}, SETTINGS) == []
    fresh = fresh_of(client, "a")
    vector = fold_in(
        factors, np.array([0, 2]), np.array([1, 2]), np.array([2.0, -0.5]), reg_param=0.01, alpha=0.5
    )[0]
    scores = factors @ vector
    scores[[1, 2]] = -np.inf
    assert list(fresh.indexes) == np.argsort(-scores, kind="stable")[:5].tolist()
    assert (fresh.version, fresh.offsets) == ("v1", {0: 7})
    assert 0 < client.ttl(keyspace.fresh("a", 2)) <= SETTINGS.fresh_ttl_seconds


def test_where_lists_may_hold_known_items_the_most_repeated_one_leads(client: redis.Redis) -> None:
    weights = {"repeats/10": 1.0, "item_to_item/0": 0.01}
    publish_with_blend(client, "v1", ITEMS, with_known_items=True, weights=weights)
    for moment, item in enumerate(("i3", "i4", "i3", "i5", "i3", "i6")):
        rate(client, "a", item, 1.0, moment=24 * HOUR * moment, kind="purchase")
    rate(client, "a", "i7", 1.0, moment=24 * HOUR * 6, kind="dislike")
    fold_in_users(client, ["a"], {}, SETTINGS)
    assert fresh_of(client, "a").indexes[:4] == (3, 6, 5, 4)
    assert 7 not in fresh_of(client, "a").indexes
    # Without the earlier purchases the last one leads.
    fold_in_users(client, ["a"], {}, SETTINGS.model_copy(update={"earlier_events": 0}))
    assert fresh_of(client, "a").indexes[:4] == (6, 3, 5, 4)


def test_recent_interactions_count_more_if_the_settings_say_so(client: redis.Redis) -> None:
    publish(client, "v1", ITEMS)
    for n in range(8):
        rate(client, "a", f"i{n}", 5.0, moment=n)
    fold_in_users(client, ["a"], {}, SETTINGS)
    before = fresh_of(client, "a")
    fold_in_users(client, ["a"], {}, SETTINGS.model_copy(update={"fold_half_life_items": 1.0}))
    assert fresh_of(client, "a").scores != before.scores


@pytest.mark.parametrize("events", [[], [("i1", 1.0)], [("unknown", 5.0)]])
def test_a_user_without_positive_interactions_gets_an_empty_list(
    client: redis.Redis, events: list[tuple[str, float]]
) -> None:
    publish(client, "v1", ITEMS)
    for item, value in events:
        rate(client, "a", item, value)
    fold_in_users(client, ["a"], {}, SETTINGS)
    assert fresh_of(client, "a").indexes == ()


def test_after_a_retraction_the_item_can_be_recommended_again(client: redis.Redis) -> None:
    publish(client, "v1", ITEMS)
    rate(client, "a", "i1", 5.0)
    fold_in_users(client, ["a"], {}, SETTINGS)
    best = ITEMS[fresh_of(client, "a").indexes[0]]
    rate(client, "a", best, 4.0, moment=5)
    fold_in_users(client, ["a"], {}, SETTINGS)
    assert ITEMS.index(best) not in fresh_of(client, "a").indexes
    rate(client, "a", best, 1.0, moment=6, kind="retract")
    fold_in_users(client, ["a"], {}, SETTINGS)
    assert ITEMS[fresh_of(client, "a").indexes[0]] == best


def test_known_items_of_a_long_history_are_left_out_too(client: redis.Redis) -> None:
    publish(client, "v1", ITEMS)
    for n in range(27):
        rate(client, "a", f"i{n}", 5.0, moment=n)
    fold_in_users(client, ["a"], {}, SETTINGS)
    assert set(fresh_of(client, "a").indexes) == {27, 28, 29}


def test_a_new_model_and_a_rollback_take_effect_and_lists_name_their_version(
    client: redis.Redis,
) -> None:
    publish(client, "v1", ITEMS)
    rate(client, "a", "i1", 5.0)
    fold_in_users(client, ["a"], {}, SETTINGS)
    first = fresh_of(client, "a")
    publish(client, "v2", ITEMS, seed=1)
    fold_in_users(client, ["a"], {}, SETTINGS)
    assert fresh_of(client, "a").version == "v2"
    # After a rollback the online query follows the pointer back.
    client.set(keyspace.CURRENT_MODEL, "v1")
    fold_in_users(client, ["a"], {}, SETTINGS)
    again = fresh_of(client, "a")
    assert (again.version, again.indexes, again.scores) == ("v1", first.indexes, first.scores)


def test_of_two_lists_the_one_from_the_later_read_is_kept(client: redis.Redis) -> None:
    publish(client, "v1", ITEMS)
    rate(client, "a", "i1", 5.0)
    fold_in_users(client, ["a"], {}, SETTINGS)
    newer = fresh_of(client, "a")
    ahead = newer._replace(read_at=newer.read_at + 60_000_000, scores=tuple(0.0 for _ in newer.scores))
    client.set(keyspace.fresh("a", 2), encode_fresh(ahead))
    fold_in_users(client, ["a"], {}, SETTINGS)
    assert fresh_of(client, "a") == ahead


def test_without_a_model_users_are_remembered_as_active_and_nothing_is_written(client: redis.Redis) -> None:
    rate(client, "a", "i1", 5.0)
    assert fold_in_users(client, ["a"], {}, SETTINGS) == []
    assert client.get(keyspace.fresh("a", 2)) is None
    assert client.zrange(keyspace.active(keyspace.shard_of("a", 2)), 0, -1) == [b"a"]


def test_users_beyond_the_deadline_are_not_folded_in_and_can_be_queued(client: redis.Redis) -> None:
    publish(client, "v1", ITEMS)
    users = [f"u{n}" for n in range(200)]
    left = fold_in_users(client, users, {}, SETTINGS, deadline=time.monotonic() - 1)
    assert left == users
    queue_users(client, left, SETTINGS)
    assert pending(client) == set(users)
    fold_in_users(client, users[:50], {}, SETTINGS)
    assert pending(client) == set(users[50:])


def test_a_user_who_becomes_active_again_stays_in_the_queue(client: redis.Redis) -> None:
    publish(client, "v1", ITEMS)
    queue_users(client, ["a"], SETTINGS)
    shard = keyspace.shard_of("a", 2)
    later = client.zscore(keyspace.pending(shard), "a") + 3_600_000  # type: ignore[operator]
    client.zadd(keyspace.pending(shard), {"a": later})
    fold_in_users(client, ["a"], {}, SETTINGS)
    assert pending(client) == {"a"}


@pytest.mark.parametrize("publish_model", [publish, publish_with_blend], ids=["factors", "blend"])
def test_a_new_item_is_recommended_once_enough_users_like_it(
    client: redis.Redis, publish_model: Callable[[redis.Redis, str, list[str]], object]
) -> None:
    publish_model(client, "v1", ITEMS)
    for user in ("a", "b"):
        rate(client, user, "i1", 5.0)
        rate(client, user, "brand new", 5.0, moment=2)
        fold_in_users(client, [user], {}, SETTINGS)
    rate(client, "c", "i1", 5.0)
    everything = SETTINGS.model_copy(update={"fresh_n": 40})
    fold_in_users(client, ["c"], {}, everything)
    assert len(ITEMS) in fresh_of(client, "c").indexes
    assert client.lrange(keyspace.new_items("v1"), 0, -1) == [b"brand new"]
    # A user who knows the item does not get it, and it counts in the user's taste.
    fold_in_users(client, ["a"], {}, everything)
    assert len(ITEMS) not in fresh_of(client, "a").indexes


def test_a_blend_ranks_the_fresh_lists_of_its_version(client: redis.Redis) -> None:
    served = publish_with_blend(client, "v1", ITEMS).served
    for moment, item in enumerate((1, 2, 3)):
        rate(client, "a", f"i{item}", 5.0, moment=moment)
    fold_in_users(client, ["a"], {}, SETTINGS)
    fresh = fresh_of(client, "a")
    histories = from_events(
        np.zeros(3, np.int64),
        np.array([1, 2, 3]),
        np.arange(3),
        user_count=1,
        grades=np.full(3, 1.2),
        strengths=np.full(3, 2.0),
    )
    indexes, scores = served.blend.rank(served.signals, histories, 5)
    assert fresh.indexes == tuple(indexes[0].tolist())
    assert fresh.scores == tuple(scores[0].tolist())
    assert fresh.hotness == 1.0
    publish(client, "v2", ITEMS)
    fold_in_users(client, ["a"], {}, SETTINGS)
    assert fresh_of(client, "a").hotness is None


def test_known_items_of_a_long_history_are_left_out_of_lists_by_a_blend_too(client: redis.Redis) -> None:
    publish_with_blend(client, "v1", ITEMS)
    for n in range(27):
        rate(client, "a", f"i{n}", 5.0, moment=n)
    fold_in_users(client, ["a"], {}, SETTINGS)
    assert set(fresh_of(client, "a").indexes) <= {27, 28, 29}


def test_the_hotness_of_a_waiting_user_counts_from_the_beginning_of_the_wait(client: redis.Redis) -> None:
    publish_with_blend(client, "v1", ITEMS)
    rate(client, "a", "i1", 5.0)
    queue_users(client, ["a"], SETTINGS)
    fold_in_users(client, ["a"], {}, SETTINGS, just_arrived=False)
    assert fresh_of(client, "a").hotness == 1.0
    assert pending(client) == set()


def test_a_list_is_half_as_hot_where_the_events_of_others_are_days_newer(client: redis.Redis) -> None:
    publish_with_blend(client, "v1", ITEMS)
    rate(client, "a", "i1", 5.0, moment=1)
    note_newest_event(client, 1000 * 3_600_000)
    fold_in_users(client, ["a"], {}, SETTINGS)
    assert fresh_of(client, "a").hotness == pytest.approx(0.5, abs=HOTNESS_STEP)


def test_a_list_that_is_made_again_never_replaces_one_with_a_newer_event(client: redis.Redis) -> None:
    publish_with_blend(client, "v1", ITEMS)
    rate(client, "a", "i1", 5.0)
    fold_in_users(client, ["a"], {}, SETTINGS)
    active = keyspace.active(keyspace.shard_of("a", 2))
    later = client.zscore(active, "a") + HOUR  # type: ignore[operator]
    client.zadd(active, {"a": later})
    fold_in_users(client, ["a"], {}, SETTINGS)
    assert client.zscore(active, "a") == later
