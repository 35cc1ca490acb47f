"""The other routes, over a real Redis."""

from __future__ import annotations

import asyncio
import time

import pytest
import redis

from contracts import keyspace
from tests.serving.conftest import Client
from tests.serving.world import World


def test_popular_items_say_how_they_are_liked(redis_url: str, api: Client) -> None:
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


def test_popular_and_trending_items_of_a_category(redis_url: str, api: Client) -> None:
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


def test_a_popular_list_follows_redis(redis_url: str, api: Client) -> None:
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


def test_top_users_of_an_item(redis_url: str, api: Client) -> None:
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


def test_the_model_and_readiness_and_metrics(redis_url: str, api: Client) -> None:
    async def scenario() -> None:
        async with api(redis_url) as client:
            no_model = await client.get("/v1/model")
            assert no_model.status_code == 404
            assert "headwater train" in no_model.json()["detail"]
            World().write(redis_url)
            assert (await client.get("/v1/model")).json()["metrics"] == {"ndcg@10": 0.2}
            await asyncio.sleep(0.3)
            assert (await client.get("/readyz")).json() == {
                "status": "ok", "redis": "ok", "popular_items": 30, "model_version": "v1",
            }  # fmt: skip
            assert (
                (await client.get("/livez")).json()
                == (await client.get("/healthz")).json()
                == {"status": "ok"}
            )
            await client.get("/v1/users/secret-user/recommendations")
            await client.request("BREW", "/secret-path")
            text = (await client.get("/metrics")).text
        assert 'route="/v1/users/{user_id}/recommendations",status="2xx"} 1.0' in text
        assert 'method="other",route="unmatched",status="4xx"' in text
        assert "headwater_api_model_age_seconds NaN" not in text
        assert "secret" not in text

    asyncio.run(scenario())


def test_without_redis_what_has_no_fallback_is_a_503_with_retry_after(api: Client) -> None:
    async def scenario() -> None:
        async with api() as client:
            for path in ("/v1/users/ann/history", "/v1/items/i/users", "/v1/model", "/readyz"):
                response = await client.get(path)
                assert response.status_code == 503, path
                assert response.headers["content-type"] == "application/problem+json"
                assert response.headers["retry-after"] == "1"
            assert (await client.get("/livez")).status_code == 200

    asyncio.run(scenario())
