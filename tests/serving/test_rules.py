"""An operator's rules, over a real Redis."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from tests.serving.conftest import Client
from tests.serving.world import World

ANN = "/v1/users/ann/recommendations"


def world() -> World:
    made = World()
    made.categories = {f"i{i:02}": ["Comedy" if i % 2 else "Drama"] for i in range(30)}
    made.attributes = {f"i{i:02}": {"year": str(1990 + i)} for i in range(30)}
    made.attributes["i02"] = {"hidden": "true"}
    made.attributes["i03"] = {"expires_at": "2020-01-01"}
    return made


async def ids(client: httpx.AsyncClient, path: str = ANN, **query: Any) -> list[str]:
    response = await client.get(path, params={"n": 5, **query})
    assert response.status_code == 200, response.text
    return [item["item_id"] for item in response.json()["items"]]


def test_an_operators_rules_hold_for_every_answer_within_a_second(redis_url: str, api: Client) -> None:
    world().write(redis_url)
    rules = {"deny": ["i10"], "editorial": ["i20", "i21"], "boosts": {"Comedy": 2.0}}

    async def scenario() -> None:
        async with api(redis_url) as client, api(redis_url) as other:
            assert (await client.get("/v1/rules")).json()["deny"] == []
            answer = await client.put("/v1/rules", json=rules)
            assert answer.json() == {**rules, "allow": []}
            await asyncio.sleep(1.0)
            for each in (client, other):
                assert await ids(each, "/v1/users/nobody/recommendations", n=2) == ["i21", "i01"]
                assert "i10" not in await ids(each, n=30)
            await client.put("/v1/rules", json={"allow": ["i20", "i05", "i00"]})
            assert await ids(client) == ["i05", "i20"]
            bad = await client.put("/v1/rules", json={"boosts": {"Comedy": -1}})
            assert bad.status_code == 422

    asyncio.run(scenario())
