from __future__ import annotations

import asyncio
from typing import Any

import httpx

from tests.serving.conftest import Client
from tests.serving.world import World


async def items(client: httpx.AsyncClient, path: str, **query: Any) -> list[dict[str, Any]]:
    response = await client.get(path, params=query)
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["items"]
    return found


def test_similar_items_are_neighbours_or_else_popular_items_and_unknown_items_are_a_404(
    redis_url: str, api: Client
) -> None:
    World().write(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client:
            neighbours = await items(client, "/v1/items/i00/similar")
            assert [(item["item_id"], item["source"]) for item in neighbours] == [
                ("i01", "als"),
                ("i02", "als"),
            ]
            fallback = await items(client, "/v1/items/i03/similar", n=4)
            assert [(i["item_id"], i["source"]) for i in fallback] == [
                (each, "popular") for each in ("i00", "i01", "i02", "i04")
            ]
            assert (await client.get("/v1/items/nothing/similar")).status_code == 404

    asyncio.run(scenario())
