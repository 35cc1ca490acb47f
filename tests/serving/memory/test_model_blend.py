"""The model's blend in the process, over a real Redis."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import redis

from contracts.stored import keyspace
from serving.memory.factors import FactorCache
from serving.memory.model_blend import BlendCache, ModelBlend
from serving.redis.store import Store
from tests.serving.blend_world import COLD, HOT, blend_world
from tests.serving.conftest import through_store
from tests.serving.world import factor_world


def _ask(redis_url: str, times: int = 1, max_bytes: int = 10**6) -> list[ModelBlend | None]:
    async def read(store: Store) -> Any:
        cache = BlendCache(store, max_bytes, FactorCache(store, 10**6))
        return [await cache.get(await store.model()) for _ in range(times)]

    found: list[ModelBlend | None] = through_store(redis_url, read)
    return found


def test_the_blend_is_loaded_once_for_a_version(redis_url: str) -> None:
    made = blend_world(with_known_items=True)
    made.write(redis_url)
    first, second = _ask(redis_url, times=2)
    assert first is not None
    assert second is first
    assert first.record == made.blend
    assert first.factors.model.with_known_items
    assert set(first.signals) == {*HOT, *COLD}


def test_the_weights_at_a_hotness_lie_between_the_two_horizons(redis_url: str) -> None:
    blend_world().write(redis_url)
    (found,) = _ask(redis_url)
    assert found is not None
    assert found.at(1.0).hot == {name: HOT.get(name, 0.0) for name in (*HOT, "long_view")}
    quarter = found.at(0.25)
    assert quarter.hot == quarter.cold
    assert quarter.hot["factors"] == pytest.approx(0.25 * 0.2 + 0.75 * 0.3)


def test_a_version_without_a_blend_has_none(redis_url: str) -> None:
    factor_world().write(redis_url)
    assert _ask(redis_url) == [None]


@pytest.mark.parametrize("damage", ["missing", "cut", "too large"])
def test_without_the_arrays_of_a_blend_the_factors_rank_alone_and_the_log_says_so_once(
    redis_url: str, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    made = blend_world()
    made.write(redis_url)
    with redis.Redis.from_url(redis_url) as client:
        if damage == "missing":
            client.delete(keyspace.model_signals("v1"))
        elif damage == "cut":
            raw = made.signals["transitions:0"]
            client.hset(keyspace.model_signals("v1"), "transitions:0", raw[:-1])
    with caplog.at_level(logging.WARNING, "serving.memory.model_blend"):
        assert _ask(redis_url, 3, max_bytes=100 if damage == "too large" else 10**6) == [None] * 3
    (said,) = caplog.messages
    assert "of model v1 go by its factors alone" in said
