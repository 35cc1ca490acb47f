"""The routes for machines (health, metrics), over a real Redis."""

from __future__ import annotations

import asyncio

import httpx
import redis

from contracts.stored import keyspace
from tests.serving.conftest import Client, until
from tests.serving.world import World


async def popular_items(client: httpx.AsyncClient) -> int | None:
    """The number of items that the process holds; None while it is not ready."""
    count: int | None = (await client.get("/readyz")).json().get("popular_items")
    return count


async def has_model_age(client: httpx.AsyncClient) -> bool:
    """Whether the process knows how old the served model is."""
    return "headwater_api_model_age_seconds NaN" not in (await client.get("/metrics")).text


def test_the_routes_for_the_model_and_readiness_and_metrics_answer(redis_url: str, api: Client) -> None:
    async def scenario() -> None:
        async with api(redis_url) as client:
            no_model = await client.get("/v1/model")
            assert no_model.status_code == 404
            assert "headwater train" in no_model.json()["detail"]
            World().write(redis_url)
            assert (await client.get("/v1/model")).json()["metrics"] == {"ndcg@10": 0.2}
            await until(lambda: popular_items(client), 30)
            assert (await client.get("/readyz")).json() == {
                "status": "ok", "redis": "ok", "state": "ok", "popular_items": 30, "model_version": "v1",
            }  # fmt: skip
            assert (
                (await client.get("/livez")).json()
                == (await client.get("/healthz")).json()
                == {"status": "ok"}
            )
            # The refresher notes the model's age as the last step of its round.
            await until(lambda: has_model_age(client), True)
            await client.get("/v1/users/secret-user/recommendations")
            await client.request("BREW", "/secret-path")
            text = (await client.get("/metrics")).text
        assert 'route="/v1/users/{user_id}/recommendations",status="2xx"} 1.0' in text
        assert 'method="other",route="unmatched",status="4xx"' in text
        assert "headwater_api_model_age_seconds NaN" not in text
        assert "secret" not in text

    asyncio.run(scenario())


def test_a_version_without_a_manifest_is_still_named_and_a_damaged_manifest_is_reported(
    redis_url: str, api: Client
) -> None:
    World().write(redis_url)
    client_of_test = redis.Redis.from_url(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client:
            client_of_test.delete(keyspace.manifest("v1"))
            assert (await client.get("/v1/model")).json() == {"version": "v1"}
            client_of_test.set(keyspace.manifest("v1"), "{")
            damaged = await client.get("/v1/model")
            assert damaged.status_code == 500
            assert "The manifest of v1 is damaged" in damaged.json()["detail"]
            # The lists need no manifest.
            answer = (await client.get("/v1/users/ann/recommendations")).json()
            assert answer["model_version"] == "v1"

    asyncio.run(scenario())
    client_of_test.close()
