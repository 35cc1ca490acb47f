"""Lists that are the same for everyone, over a real Redis."""

from __future__ import annotations

import asyncio
import time

import pytest
import redis

from contracts.stored import keyspace
from tests.serving.conftest import Client
from tests.serving.world import World


def test_popular_items_have_their_figures_of_popularity(redis_url: str, api: Client) -> None:
    World().write(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client:
            answer = (await client.get("/v1/popular", params={"n": 2})).json()
            everything = (await client.get("/v1/popular", params={"n": 1000})).json()["items"]
        assert (answer["n"], answer["offset"]) == (2, 0)
        assert answer["stale"] is False
        assert answer["items"][0] == {
            "item_id": "i00", "rank": 1, "score": 30.0, "source": "popular", "title": "Title i00",
            "raters": 7, "mean": 30 / 7, "users": 7,
        }  # fmt: skip
        assert len(everything) == 30
        assert everything[-1]["mean"] is None

    asyncio.run(scenario())


def test_popular_and_trending_lists_can_be_limited_to_a_category(redis_url: str, api: Client) -> None:
    world = World(categories={"i03": ["Film Noir: {1}"], "i01": ["Film Noir: {1}"], "i05": ["Drama"]})
    now = time.time()
    world.trending = {3600: {"i07": now / 3600 + 3, "i08": now / 3600}}
    world.write(redis_url)
    client_of_test = redis.Redis.from_url(redis_url)
    client_of_test.zadd(keyspace.trending_in(86_400, "Film Noir: {1}"), {"i03": now / 86_400 + 1})
    client_of_test.close()

    async def scenario() -> None:
        async with api(redis_url) as client:
            of_category = {"category": "Film Noir: {1}"}
            popular = (await client.get("/v1/popular", params=of_category)).json()
            assert [(i["item_id"], i["rank"], i["users"]) for i in popular["items"]] == [
                ("i01", 1, 7),
                ("i03", 2, 6),
            ]
            second = (await client.get("/v1/popular", params={**of_category, "offset": 1})).json()
            assert second["items"] == [popular["items"][1]]
            trending = (await client.get("/v1/trending", params={"half_life": 3600})).json()
            assert [(i["item_id"], i["title"]) for i in trending["items"]] == [
                ("i07", "Title i07"),
                ("i08", "Title i08"),
            ]
            assert trending["items"][0]["score"] == pytest.approx(8, rel=0.1)
            noir = (await client.get("/v1/trending", params=of_category)).json()
            assert [i["item_id"] for i in noir["items"]] == ["i03"]
            assert (noir["half_life"], noir["items"][0]["score"]) == (86_400, pytest.approx(2, rel=0.1))
            wrong = await client.get("/v1/trending", params={"half_life": 5})
            assert wrong.status_code == 422
            assert "3600, 86400, 604800" in wrong.json()["errors"][0]["reason"]

    asyncio.run(scenario())


def test_a_popular_list_that_the_client_already_has_is_a_304(redis_url: str, api: Client) -> None:
    World().write(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client:
            for query in ({}, {"offset": 5}):
                first = await client.get("/v1/popular", params=query)
                again = await client.get(
                    "/v1/popular", params=query, headers={"If-None-Match": first.headers["etag"]}
                )
                assert (first.status_code, again.status_code, again.content) == (200, 304, b"")

    asyncio.run(scenario())
