"""One list for several users, over a real Redis."""

from __future__ import annotations

import asyncio

from tests.serving.conftest import Client
from tests.serving.world import World


def test_a_group_gets_items_that_suit_all_members_and_that_none_of_them_knows(
    redis_url: str, api: Client
) -> None:
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
