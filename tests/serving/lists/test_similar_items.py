from __future__ import annotations

import asyncio
from typing import Any

import httpx
import numpy as np
import pytest

from algorithms.content.placement import fit_placement
from clients.redis.connection import redis_client
from contracts.catalog import content_of
from contracts.stored import keyspace
from contracts.stored.records import encode_catalog
from tests.serving.conftest import Client
from tests.serving.world import World, factor_world


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


def test_an_item_that_came_after_the_model_is_near_the_items_with_factors_like_its_own(
    redis_url: str, api: Client
) -> None:
    world = factor_world()
    assert world.factors is not None
    unit = world.factors / np.linalg.norm(world.factors, axis=1)[:, None]
    nearest = [f"i{place:02}" for place in np.argsort(-(unit @ unit[7]))[:5]]
    zero = bytes(16)
    world.write(redis_url)
    with redis_client(redis_url) as client:
        factors = {
            "placed": zero,
            keyspace.placed_field("placed"): (0.01 * world.factors[7]).astype("<f4").tobytes(),
            "liked": world.factors[7].astype("<f4").tobytes(),
            keyspace.placed_field("liked"): (-world.factors[7]).astype("<f4").tobytes(),
            "nowhere": zero,
        }
        client.hset(keyspace.new_factors("v1"), mapping=factors)  # type: ignore[arg-type]
        client.zadd(keyspace.POPULAR, {"nowhere": 0.0})

    async def scenario() -> None:
        async with api(redis_url) as client:
            for item in ("placed", "liked"):
                found = await items(client, f"/v1/items/{item}/similar", n=5)
                assert [each["item_id"] for each in found] == nearest
                assert {each["source"] for each in found} == {"als"}
                assert found[0]["score"] == pytest.approx(1.0)
            found = await items(client, "/v1/items/nowhere/similar", n=5)
            assert {each["source"] for each in found} == {"popular"}

    asyncio.run(scenario())


def test_an_item_of_the_catalogue_without_a_place_is_placed_when_it_is_asked_for(
    redis_url: str, api: Client
) -> None:
    world = factor_world()
    assert world.factors is not None
    contents = [{"categories": [f"kind {place % 3}"]} for place in range(30)]
    placement = fit_placement([content_of(each) for each in contents], world.factors)
    assert placement is not None
    vector = placement.place([content_of({"categories": ["kind 1"]})])[0]
    cosines = world.factors @ vector / np.linalg.norm(world.factors, axis=1)
    nearest = [f"i{place:02}" for place in np.argsort(-cosines)[:4]]
    world.write(redis_url)
    with redis_client(redis_url) as client:
        client.set(keyspace.model_content("v1"), placement.encode())
        for item, entry in (("told", '{"categories":["kind 1"]}'), ("untold", "{}")):
            client.hset(keyspace.CATALOG_ITEMS, item, encode_catalog(1, entry))
            client.zadd(keyspace.POPULAR, {item: 0.0})

    async def scenario() -> None:
        async with api(redis_url) as client:
            found = await items(client, "/v1/items/told/similar", n=4)
            assert [each["item_id"] for each in found] == nearest
            found = await items(client, "/v1/items/untold/similar", n=4)
            assert {each["source"] for each in found} == {"popular"}
            assert (await client.get("/v1/items/nothing/similar")).status_code == 404

    asyncio.run(scenario())
