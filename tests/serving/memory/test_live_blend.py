from __future__ import annotations

import asyncio

import numpy as np
import pytest

from algorithms.blending.live import Sums, live_blend
from clients.redis.connection import redis_client
from contracts.settings import ServingSettings
from contracts.stored import keyspace
from serving.memory import live_blend as module
from serving.memory.factors import FactorCache
from serving.memory.live_blend import LiveBlendCache
from serving.memory.model_blend import BlendCache, ModelBlend
from serving.redis.store import Store
from serving.telemetry.metrics import Metrics
from tests.serving.blend_world import blend_world, history_of, served_blend
from tests.serving.world import World

WEIGHTS = {"item_to_item/15": 1.0, "transitions/4": 0.7, "factors": 0.2}  # no trend


def write_world(redis_url: str, listed: bool = True) -> World:
    """A world without a trend, and a new item with the factors of item 3 by its content."""
    world = blend_world(hot=WEIGHTS, cold=WEIGHTS)
    world.write(redis_url)
    assert world.factors is not None
    if listed:
        with redis_client(redis_url) as client:
            client.rpush(keyspace.new_items("v1"), "new")
            factors = {
                "new": bytes(16),
                keyspace.placed_field("new"): world.factors[3].astype("<f4").tobytes(),
            }
            client.hset(keyspace.new_factors("v1"), mapping={"": b"1", **factors})  # type: ignore[arg-type]
    return world


def read(redis_url: str) -> ModelBlend:
    async def scenario() -> ModelBlend:
        store = Store(ServingSettings(redis_url=redis_url), 1.0, Metrics())
        try:
            factors = FactorCache(store, 10**9)
            cache = LiveBlendCache(store, BlendCache(store, 10**9, factors), [3600])
            found = await cache.get(await store.model())
            assert found is not None
            return found
        finally:
            await store.close()

    return asyncio.run(scenario())


def test_a_blend_without_a_trend_ranks_new_items_as_the_online_query_does(redis_url: str) -> None:
    world = write_world(redis_url)
    found = read(redis_url)
    assert found.new_places == {"new": 30}
    assert found.newest_ms == 0
    assert world.factors is not None
    expected = live_blend(served_blend(world), Sums({}), 30, world.factors[3:4], np.array([True]))
    history = history_of([5, 6], 1_000, 2_000)
    scores = found.served.blend.score(found.signals, history)
    assert scores.shape == (1, 31)
    assert scores == pytest.approx(expected.blend.score(expected.signals, history))


@pytest.mark.parametrize("many", [10, 250_000])
def test_without_new_items_or_in_a_large_catalogue_the_blend_stays_as_it_was_fitted(
    redis_url: str, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MANY_ITEMS", many)
    write_world(redis_url, listed=many == 10)
    assert read(redis_url).new_places == {}
