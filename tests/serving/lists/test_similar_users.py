"""Users of a similar taste, over a real Redis."""

from __future__ import annotations

import asyncio

from tests.serving.conftest import Client
from tests.serving.world import World


def test_similar_users_are_the_best_users_of_the_liked_items(redis_url: str, api: Client) -> None:
    World().write(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client:
            answer = (await client.get("/v1/users/ann/similar")).json()
            assert [user["user_id"] for user in answer["users"]] == ["bob"]
            assert (await client.get("/v1/users/nobody/similar")).json()["users"] == []
        async with api() as client:
            assert (await client.get("/v1/users/ann/similar")).status_code == 503

    asyncio.run(scenario())
