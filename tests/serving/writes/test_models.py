from __future__ import annotations

import asyncio
import json

import pytest
import redis

from clients.redis.connection import redis_client
from contracts.stored import keyspace
from tests.manifests import a_manifest
from tests.serving.blend_world import COLD, HOT, blend_world
from tests.serving.conftest import Client
from tests.serving.world import World


def two_versions(url: str) -> redis.Redis:
    world = World()
    world.write(url, "v1")
    client = redis_client(url)
    world.top = {"ann": [("i20", 0.9)], "bob": [("i21", 0.8)]}
    world.write_model(client, "v2")
    client.zadd(keyspace.MODEL_VERSIONS, {"v1": 1, "v2": 2, "half": 3})
    manifest = a_manifest(
        "v2",
        previous="v1",
        metrics={"ndcg@10": 0.3},
        created_at="2026-01-02",
        sizes={"lists": 2, "similar": 1, "users": 1, "factors": 0},
    )
    client.set(keyspace.manifest("v2"), manifest.to_json())
    return client


@pytest.mark.redis_cluster_too
def test_an_operator_can_roll_back_and_forward(redis_url: str, api: Client) -> None:
    client_of_test = two_versions(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client:
            listed = (await client.get("/v1/models")).json()["models"]
            assert [(each["version"], each["served"]) for each in listed] == [("v2", True), ("v1", False)]
            assert listed[0]["metrics"] == {"ndcg@10": 0.3}
            back = await client.post("/v1/models/rollback")
            assert back.json() == {"served": "v1", "before": "v2"}
            answer = (await client.get("/v1/users/ann/recommendations")).json()
            assert (answer["model_version"], answer["items"][0]["item_id"]) == ("v1", "i10")
            assert (await client.post("/v1/models/rollback")).status_code == 409
            forth = await client.post("/v1/models/v2/promote")
            assert forth.json() == {"served": "v2", "before": "v1"}
            assert (await client.post("/v1/models/v2/promote")).status_code == 409
            assert (await client.post("/v1/models/half/promote")).status_code == 404

    asyncio.run(scenario())
    audit = [json.loads(line) for line in client_of_test.lrange(keyspace.MODEL_AUDIT, 0, -1)]  # type: ignore[union-attr]
    assert [(line["action"], line["from"], line["to"]) for line in audit] == [
        ("rollback", "v2", "v1"),
        ("promote", "v1", "v2"),
    ]
    client_of_test.close()


def test_a_version_names_its_ranking_signals(redis_url: str, api: Client) -> None:
    made = blend_world(with_known_items=True)
    made.write(redis_url)
    with redis_client(redis_url) as client_of_test:
        made.blend = None
        made.write_model(client_of_test, "v2")
        client_of_test.zadd(keyspace.MODEL_VERSIONS, {"v1": 1, "v2": 2})

    async def scenario() -> None:
        async with api(redis_url) as client:
            second, first = (await client.get("/v1/models")).json()["models"]
            await client.post("/v1/models/v1/promote")
            assert (await client.get("/v1/model")).json()["blend"]["hot"] == HOT
        assert second["blend"] is None
        assert first["blend"] == {
            "hot": {
                "weights": HOT,
                "alone": {"transitions/4": 0.1, "factors": 0.05},
                "ndcg": 0.12,
                "why": "as the test wants it",
            },
            "cold": {"weights": COLD, "alone": {}, "ndcg": None, "why": None},
            "half_life_hours": 8.0,
            "with_known_items": True,
        }

    asyncio.run(scenario())


def test_a_version_that_is_not_whole_is_not_served(redis_url: str, api: Client) -> None:
    client_of_test = two_versions(redis_url)
    client_of_test.set(keyspace.CURRENT_MODEL, "v1")
    client_of_test.hdel(keyspace.top_n(0, "v2"), "bob")

    async def scenario() -> None:
        async with api(redis_url) as client:
            response = await client.post("/v1/models/v2/promote")
            assert response.status_code == 409
            assert "train --now" in response.json()["detail"]

    asyncio.run(scenario())
    assert client_of_test.get(keyspace.CURRENT_MODEL) == b"v1"
    client_of_test.close()


def test_before_the_first_model_a_rollback_is_refused(redis_url: str, api: Client) -> None:
    async def scenario() -> None:
        async with api(redis_url) as client:
            assert (await client.get("/v1/models")).json() == {"models": []}
            assert (await client.post("/v1/models/rollback")).status_code == 409

    asyncio.run(scenario())


def test_a_version_with_a_damaged_manifest_is_not_served_and_the_answer_names_the_cure(
    redis_url: str, api: Client
) -> None:
    client_of_test = two_versions(redis_url)
    client_of_test.set(keyspace.CURRENT_MODEL, "v1")
    client_of_test.set(keyspace.manifest("v2"), "{}")

    async def scenario() -> None:
        async with api(redis_url) as client:
            for response in (await client.post("/v1/models/v2/promote"), await client.get("/v1/models")):
                assert response.status_code == 500
                assert "The manifest of v2 is damaged" in response.json()["detail"]

    asyncio.run(scenario())
    assert client_of_test.get(keyspace.CURRENT_MODEL) == b"v1"
    client_of_test.close()
