"""Routes of items, over a real Redis."""

from __future__ import annotations

import asyncio

import redis

from contracts.stored import keyspace
from tests.serving.conftest import Client
from tests.serving.world import World


def test_the_top_users_of_an_item_are_read(redis_url: str, api: Client) -> None:
    World().write(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client:
            users = (await client.get("/v1/items/i00/users")).json()["users"]
            assert users == [
                {"user_id": "ann", "rank": 1, "score": 0.5},
                {"user_id": "bob", "rank": 2, "score": 0.25},
            ]
            assert (await client.get("/v1/items/i09/users")).json()["users"] == []
            assert (await client.get("/v1/items/nothing/users")).status_code == 404

    asyncio.run(scenario())


def test_top_users_and_items_that_go_together_are_paged(redis_url: str, api: Client) -> None:
    World().write(redis_url)
    client_of_test = redis.Redis.from_url(redis_url)
    client_of_test.zadd(keyspace.together("i00", 0), {"i20": 5, "i21": 4})
    client_of_test.close()

    async def scenario() -> None:
        async with api(redis_url) as client:
            second = (await client.get("/v1/items/i00/users", params={"n": 1, "offset": 1})).json()
            assert (second["offset"], [(u["user_id"], u["rank"]) for u in second["users"]]) == (
                1,
                [("bob", 2)],
            )
            whole = (await client.get("/v1/items/i00/together")).json()["items"]
            rest = (await client.get("/v1/items/i00/together", params={"offset": 1})).json()["items"]
            assert len(whole) == 2
            assert rest == whole[1:]

    asyncio.run(scenario())
