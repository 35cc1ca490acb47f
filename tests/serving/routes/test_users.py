"""Routes of one user, over a real Redis."""

from __future__ import annotations

import asyncio

from tests.serving.conftest import Client
from tests.serving.world import World


def test_a_history_is_newest_first_and_empty_for_an_unknown_user(redis_url: str, api: Client) -> None:
    World().write(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client:
            ann = (await client.get("/v1/users/ann/history")).json()
            assert [item["item_id"] for item in ann["items"]] == ["i01", "i00"]
            assert ann["items"][0] == {
                "item_id": "i01", "event_type": "rating", "value": 4.0, "event_time": 1_000_001,
            }  # fmt: skip
            assert len((await client.get("/v1/users/ann/history", params={"n": 1})).json()["items"]) == 1
            nobody = await client.get("/v1/users/nobody/history")
            assert (nobody.status_code, nobody.json()["items"]) == (200, [])

    asyncio.run(scenario())


def test_histories_and_similar_users_are_paged(redis_url: str, api: Client) -> None:
    world = World(histories={"ann": ["i00", "i01", "i02"]})
    world.write(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client:
            page = (await client.get("/v1/users/ann/history", params={"n": 1, "offset": 1})).json()
            assert (page["offset"], [item["item_id"] for item in page["items"]]) == (1, ["i01"])
            whole = (await client.get("/v1/users/ann/similar")).json()["users"]
            rest = (await client.get("/v1/users/ann/similar", params={"offset": 1})).json()
            assert (rest["users"], rest["offset"]) == (whole[1:], 1)

    asyncio.run(scenario())
