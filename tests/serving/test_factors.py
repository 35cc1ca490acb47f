"""The model's factors in the process, over a real Redis."""

from __future__ import annotations

import asyncio

import redis

from contracts import keyspace
from tests.serving.asked import likes, post
from tests.serving.conftest import Client
from tests.serving.world import factor_world


def test_factors_that_are_too_large_are_not_held(redis_url: str, api: Client) -> None:
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
