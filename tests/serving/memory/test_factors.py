"""The model's factors in the process, over a real Redis."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import redis

from contracts.stored import keyspace
from serving.memory.factors import FactorCache
from serving.redis.model_cache import Model
from serving.redis.store import Store, StoreError
from tests.serving.conftest import Client
from tests.serving.requests import likes, post
from tests.serving.world import factor_world


def test_factors_beyond_the_memory_limit_are_not_loaded(redis_url: str, api: Client) -> None:
    factor_world().write(redis_url)

    async def scenario() -> None:
        async with api(redis_url, factors_max_bytes=100) as client:
            answer = await post(client, likes("i00"), n=1)
            assert answer["items"][0]["source"] == "session"

    asyncio.run(scenario())


def test_a_new_version_brings_its_own_factors(redis_url: str, api: Client) -> None:
    made = factor_world()
    made.write(redis_url)
    client_of_test = redis.Redis.from_url(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client:
            first = await post(client, likes("i03"), n=5)
            made.factors = factor_world(2).factors
            made.write_model(client_of_test, "v2")
            second = await post(client, likes("i03"), n=5)
            client_of_test.delete(keyspace.manifest("v2"))
            assert (first["model_version"], second["model_version"]) == ("v1", "v2")
            assert [i["score"] for i in first["items"]] != [i["score"] for i in second["items"]]

    asyncio.run(scenario())
    client_of_test.close()


class SlowStore:
    """Answers each question when the test says so, with nothing or with an error."""

    def __init__(self) -> None:
        self.asked: list[asyncio.Future[list[Any]]] = []

    async def ask_alone(self, *commands: object, seconds: float | None = None) -> list[Any]:
        self.asked.append(asyncio.get_running_loop().create_future())
        return await self.asked[-1]


def test_requests_that_wait_for_a_failed_load_go_on_without_factors() -> None:
    async def scenario() -> None:
        store = SlowStore()
        cache = FactorCache(cast(Store, store), 1000)
        waiting = [asyncio.create_task(cache.get(Model("v1", ["a"], []))) for _ in range(3)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        store.asked[0].set_exception(StoreError("Redis does not answer"))
        assert await asyncio.gather(*waiting) == [None] * 3
        assert len(store.asked) == 1

    asyncio.run(scenario())


def test_a_request_that_waits_while_the_model_changes_gets_the_factors_it_asked_for() -> None:
    async def scenario() -> None:
        store = SlowStore()
        cache = FactorCache(cast(Store, store), 1000)
        first = asyncio.create_task(cache.get(Model("v1", ["a"], [])))
        await asyncio.sleep(0)
        second = asyncio.create_task(cache.get(Model("v2", ["a"], [])))
        while len(store.asked) < 2:
            await asyncio.sleep(0)
        store.asked[0].set_result([0, 0, None])
        assert await first is None
        store.asked[1].set_exception(StoreError("Redis does not answer"))
        assert await second is None

    asyncio.run(scenario())
