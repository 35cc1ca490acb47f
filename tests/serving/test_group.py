"""Groups, because-you-liked and similar users, over a real Redis."""

from __future__ import annotations

import asyncio

import redis

from contracts import keyspace, records
from tests.serving.conftest import Client
from tests.serving.world import World


def test_a_group_gets_what_suits_all_and_nothing_that_any_of_them_knows(redis_url: str, api: Client) -> None:
    world = World(online_through=1)
    world.top = {
        "ann": [("i10", 0.9), ("i11", 0.8), ("i12", 0.7)],
        "bob": [("i13", 0.9), ("i11", 0.8), ("i10", 0.1)],
        "eve": [("i11", 0.9)],
    }
    world.histories = {"ann": ["i00"], "bob": ["i10", "i02"]}
    world.write(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client:
            body = {"user_ids": ["ann", "bob", "eve", "nobody", "ann"]}
            response = await client.post("/v1/groups/recommendations", json=body, params={"n": 5})
            answer = response.json()
            assert answer["user_ids"] == ["ann", "bob", "eve", "nobody"]
            assert [(item["item_id"], item["source"]) for item in answer["items"]] == [
                ("i11", "group"),
                ("i13", "group"),
                ("i12", "group"),
                ("i01", "popular"),
                ("i03", "popular"),
            ]
            assert (answer["known_items"], answer["applied_through"]) == (3, 1)
            assert (await client.post("/v1/groups/recommendations", json={"user_ids": []})).status_code == 422

    asyncio.run(scenario())


def test_rows_say_which_liked_item_they_are_like(redis_url: str, api: Client) -> None:
    World().write(redis_url)
    client_of_test = redis.Redis.from_url(redis_url)
    neighbours = records.encode_ranked([2, 20, 0], [0.9, 0.8, 0.7])
    client_of_test.hset(keyspace.similar_items("v1"), "i01", neighbours)
    client_of_test.close()

    async def scenario() -> None:
        async with api(redis_url) as client:
            rows = (await client.get("/v1/users/ann/because")).json()["rows"]
            # The newest liked first; i02 is like both and stands once, i00 and i01 are known.
            assert [(row["item_id"], [i["item_id"] for i in row["items"]]) for row in rows] == [
                ("i01", ["i02", "i20"])
            ]
            assert rows[0]["title"] == "Title i01"
            assert (await client.get("/v1/users/nobody/because")).json()["rows"] == []

    asyncio.run(scenario())


def test_similar_users_are_those_whom_the_liked_items_suit(redis_url: str, api: Client) -> None:
    World().write(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client:
            answer = (await client.get("/v1/users/ann/similar")).json()
            assert [user["user_id"] for user in answer["users"]] == ["bob"]
            assert (await client.get("/v1/users/nobody/similar")).json()["users"] == []
        async with api() as client:
            assert (await client.get("/v1/users/ann/similar")).status_code == 503

    asyncio.run(scenario())
