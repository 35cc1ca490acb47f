"""The popular list in the process, over a real Redis."""

from __future__ import annotations

import asyncio

from tests.serving.conftest import Client
from tests.serving.world import World


def test_the_popular_list_in_memory_follows_redis(redis_url: str, api: Client) -> None:
    async def scenario() -> None:
        async with api(redis_url) as client:
            assert (await client.get("/v1/popular")).json()["items"] == []
            World().write(redis_url)
            for _ in range(100):
                found = (await client.get("/v1/popular")).json()["items"]
                if found:
                    break
                await asyncio.sleep(0.05)
            assert len(found) == 10

    asyncio.run(scenario())
