"""What is counted of new items, over a real Redis, and what it says about the next draw."""

from __future__ import annotations

import asyncio
import time

import numpy as np
import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from contracts.stored import keyspace, records
from serving.memory import newest_list
from serving.memory.newest_list import (
    UNIFORM_SHARE,
    NewestList,
    NewItems,
    best_probabilities,
    thompson_probabilities,
)
from serving.memory.process_memory import ProcessMemory, empty_memory
from serving.redis.store import Store
from serving.telemetry.metrics import Metrics
from tests.serving.conftest import settings_of
from tests.serving.world import World

DAY_MS = 86_400_000
COUNTS = st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 100_000)), min_size=1, max_size=12)


@pytest.fixture(autouse=True)
def _compute_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newest_list, "COMPUTE_SECONDS", 0.0)


def set_users(client: redis.Redis, item_id: str, users: int) -> None:
    client.hset(keyspace.POPULARITY, item_id, records.Popularity(users).encode())


def memory_of(url: str, explore_new: float = 0.5) -> ProcessMemory:
    settings = settings_of(redis_url=url, explore_new=explore_new, redis_timeout_seconds=5)
    return empty_memory(settings, Store(settings, 5, Metrics()))


async def with_new_figures(memory: ProcessMemory) -> NewItems:
    await memory.newest_list.refresh()
    await memory.new_items.refresh()
    return memory.new_items


def new_world() -> World:
    now = int(time.time() * 1000)
    return World(newest={"i20": now - DAY_MS, "i21": now - DAY_MS, "i27": now - 90 * DAY_MS})


def test_users_who_came_through_lists_raise_the_probability_of_an_item_and_earlier_users_do_not(
    redis_url: str,
) -> None:
    new_world().write(redis_url)
    client = redis.Redis.from_url(redis_url)
    set_users(client, "i20", 4)  # before the first list

    async def scenario() -> None:
        first, second = memory_of(redis_url), memory_of(redis_url)
        for memory in (first, second):
            found = await with_new_figures(memory)
            assert found.probabilities == {"i20": pytest.approx(0.5), "i21": pytest.approx(0.5)}
            for _ in range(50):  # i27 is old, i00 has no date
                found.note(["i20", "i21", "i27", "i00"])
            await found.refresh()
        # Both processes count in the same hash.
        assert await asyncio.to_thread(client.hgetall, keyspace.NEW_ITEMS_SHOWN) == {
            b"ni20": b"100",
            b"ni21": b"100",
            b"ui20": b"4",
            b"ui21": b"2",
        }
        assert second.new_items.probabilities["i20"] == pytest.approx(0.5)
        set_users(client, "i20", 14)
        assert (await with_new_figures(second)).probabilities["i20"] > 0.9
        set_users(client, "i20", 20)  # EXPLORE_UNTIL_USERS
        assert (await with_new_figures(second)).probabilities == {"i20": 0.0, "i21": 1.0}
        set_users(client, "i20", 0)  # all erased
        assert (await with_new_figures(second)).probabilities["i20"] == pytest.approx(0.5)
        assert 0 < client.ttl(keyspace.NEW_ITEMS_SHOWN) <= 60 * 86_400
        for memory in (first, second):
            await memory.store.close()

    asyncio.run(scenario())


def test_users_are_not_counted_until_exploration_is_used(redis_url: str) -> None:
    new_world().write(redis_url)

    async def scenario() -> None:
        memory = memory_of(redis_url, explore_new=0.0)
        found = await with_new_figures(memory)
        found.note(["i20"])
        await found.refresh()
        assert not found.probabilities
        assert not redis.Redis.from_url(redis_url).exists(keyspace.NEW_ITEMS_SHOWN)
        found.want()
        await found.refresh()
        assert found.probabilities.keys() == {"i20", "i21"}
        await memory.store.close()

    asyncio.run(scenario())


def test_the_list_holds_published_items_newest_first_and_is_kept_when_redis_is_gone(redis_url: str) -> None:
    soon = time.time_ns() // 1_000_000 + 60_000
    client = redis.Redis.from_url(redis_url)
    client.zadd(keyspace.NEWEST, {"old": 1000, "new": 2000, "soon": soon})
    client.close()

    async def scenario() -> None:
        store = Store(settings_of(redis_url=redis_url), 1.0, Metrics())
        newest = NewestList(store)
        assert newest.head(soon) == []
        await newest.refresh()
        assert newest.head(3000) == [("new", 2000.0), ("old", 1000.0)]
        assert newest.head(1500) == [("old", 1000.0)]
        await store.close()

    asyncio.run(scenario())


def test_for_two_items_the_probabilities_equal_the_closed_form() -> None:
    # Beta(2, 1) has the density 2x, so it is above a uniform rate with probability 2/3.
    found = best_probabilities(np.array([1.0, 0.0]), np.array([1.0, 0.0]))
    assert found == pytest.approx([2 / 3, 1 / 3], abs=1e-3)


def test_an_item_is_drawn_as_often_as_its_sampled_rate_is_the_highest() -> None:
    clicks, impressions = np.array([0.0, 3, 30, 5, 0]), np.array([0.0, 40, 500, 60, 80])
    draws = np.random.default_rng(3).beta(1 + clicks, 1 + impressions - clicks, (20_000, 5))
    frequencies = np.bincount(draws.argmax(axis=1), minlength=5) / len(draws)
    assert best_probabilities(clicks, impressions) == pytest.approx(frequencies, abs=0.015)


@given(COUNTS)
def test_probabilities_add_up_to_one_and_have_a_floor_and_do_not_depend_on_the_order(
    counts: list[tuple[int, int]],
) -> None:
    clicks = np.array([min(pair) for pair in counts], dtype=float)
    impressions = np.array([max(pair) for pair in counts], dtype=float)
    found = thompson_probabilities(clicks, impressions)
    assert found.sum() == pytest.approx(1.0)
    assert (found >= UNIFORM_SHARE / len(counts) * (1 - 1e-9)).all()
    assert thompson_probabilities(clicks[::-1], impressions[::-1])[::-1] == pytest.approx(found)
    for at, count in enumerate(counts):
        assert found[counts.index(count)] == pytest.approx(found[at])


def test_often_shown_items_without_clicks_lose_their_places_to_items_not_yet_shown() -> None:
    found = thompson_probabilities(np.array([0.0, 0, 20]), np.array([1000.0, 0, 1000]))
    assert found[1] > found[2] > found[0] == pytest.approx(UNIFORM_SHARE / 3, abs=1e-3)
