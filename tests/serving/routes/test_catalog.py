"""Metadata, through a real broker and Redis."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import jwt
import pytest
from kafka import TopicPartition
from pydantic import ValidationError

from clients.topic_admin import create_topics, end_offsets, quiet_consumer
from contracts.topics import CATALOG, TOPICS
from serving.routes.catalog import Changes, Metadata, merge
from tests.serving.conftest import Client, ServedApi
from tests.serving.world import World


def last_record(broker: str, topic: str) -> tuple[bytes, dict[str, Any]]:
    (end,) = end_offsets(broker, topic).values()
    with quiet_consumer(broker, 10) as consumer:
        place = TopicPartition(topic, 0)
        consumer.assign([place])
        consumer.seek(place, end - 1)
        for _ in range(20):
            for record in consumer.poll(timeout_ms=1000).get(place, []):
                return record.key, json.loads(record.value)
    raise AssertionError("nothing is on the topic")


def test_metadata_can_be_replaced_and_changed_and_hidden(
    broker: str, redis_url: str, start_api: Callable[..., ServedApi]
) -> None:
    create_topics(broker, TOPICS)
    world = World(categories={"i05": ["Drama"]}, attributes={"i05": {"year": "1990", "colour": "no"}})
    world.write(redis_url)
    at_redis = {"redis_url": redis_url, "redis_timeout_seconds": 5}
    api = start_api(**at_redis, kafka_bootstrap_servers=broker, kafka_timeout_seconds=20)
    with httpx.Client(base_url=api.url, timeout=30) as client:
        put = client.put("/v1/items/new", json={"title": "New", "categories": ["Comedy"]})
        assert put.status_code == 202, put.text
        key, record = last_record(broker, CATALOG.name)
        assert key == b"item:new"
        assert record["updated_at"] == put.json()["updated_at"]
        assert (record["title"], record["categories"], record["attributes"]) == ("New", ["Comedy"], {})

        client.patch("/v1/items/i05", json={"attributes": {"colour": None, "year": "1991"}})
        _, record = last_record(broker, CATALOG.name)
        assert (record["title"], record["categories"]) == ("Title i05", ["Drama"])
        assert record["attributes"] == {"year": "1991"}

        client.delete("/v1/items/i05")
        _, record = last_record(broker, CATALOG.name)
        assert record["attributes"] == {"year": "1990", "colour": "no", "hidden": "true"}

        client.put("/v1/users/ann", json={"attributes": {"age": "25"}})
        key, record = last_record(broker, CATALOG.name)
        assert (key, record["kind"], record["attributes"]) == (b"user:ann", "user", {"age": "25"})

        rows = [
            {"id": 7.0, "title": "Old"},
            {"id": 7},
            {"id": " b ", "attributes": {"year": "1999"}},
            {"id": "7"},
        ]
        batch = client.post("/v1/items:batch", json={"items": rows})
        assert batch.status_code == 202, batch.text
        assert batch.json()["accepted"] == 2  # the last entry of an id counts
        key, record = last_record(broker, CATALOG.name)
        assert (key, record["attributes"]) == (b"item:b", {"year": "1999"})
        assert record["updated_at"] == batch.json()["updated_at"]
        (end,) = end_offsets(broker, CATALOG.name).values()
        refused = client.post(
            "/v1/items:batch", json={"items": [{"id": "c"}, {"id": "d", "title": "x" * 1025}]}
        )
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["pointer"] == "/body/items/1/title"
        assert client.post("/v1/items:batch", json={"items": []}).status_code == 422
        assert end_offsets(broker, CATALOG.name) == {0: end}

        # The path of another route is no id.
        assert client.delete("/v1/users/ann/history").status_code == 405
        assert client.put("/v1/items/x", json={"title": "x", "price": 3}).status_code == 422
        too_many = {"attributes": {str(i): "x" for i in range(64)}}
        assert client.patch("/v1/items/i05", json=too_many).status_code == 422


@pytest.mark.parametrize("model", [Metadata, Changes])
def test_a_number_as_an_attribute_is_taken_as_its_text(model: type[Metadata] | type[Changes]) -> None:
    entry = model.model_validate({"attributes": {"year": 1999, "price": 12.5, "colour": "red"}})
    assert entry.attributes == {"year": "1999", "price": "12.5", "colour": "red"}
    for refused in (True, 10**400, float("nan"), float("inf"), ["red"]):
        with pytest.raises(ValidationError):
            model.model_validate({"attributes": {"colour": refused}})
    for refused in ({"title": 7}, {"categories": [7]}):
        with pytest.raises(ValidationError):
            model.model_validate(refused)


def test_a_change_keeps_the_fields_that_it_does_not_name() -> None:
    known = {"title": "T", "categories": ("a",), "attributes": {"x": "1", "y": "2"}}
    assert merge(known, Changes()) == known
    assert merge(known, Changes(title=None))["title"] is None
    assert merge(known, Changes(categories=()))["categories"] == ()
    assert merge(known, Changes(attributes={"x": None, "z": "3"}))["attributes"] == {"y": "2", "z": "3"}


def test_current_metadata_is_read_and_unknown_ids_are_a_404(api: Client, redis_url: str) -> None:
    World(
        categories={"i05": ["Drama"]}, attributes={"i05": {"year": "1990"}}, users={"ann": {"age": "25"}}
    ).write(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client:
            item = (await client.get("/v1/items/i05")).json()
            assert item == {
                "id": "i05",
                "title": "Title i05",
                "categories": ["Drama"],
                "attributes": {"year": "1990"},
                "updated_at": 1,
            }
            user = (await client.get("/v1/users/ann")).json()
            assert (user["id"], user["title"], user["attributes"]) == ("ann", None, {"age": "25"})
            for path in ("/v1/items/nothing", "/v1/users/nobody", "/v1/users/i05"):
                unknown = await client.get(path)
                assert (unknown.status_code, "PUT" in unknown.json()["detail"]) == (404, True)

    asyncio.run(scenario())


def test_the_token_of_a_user_gives_no_access_to_metadata_of_users(api: Client, redis_url: str) -> None:
    World(users={"ann": {"age": "25"}}).write(redis_url)
    key = "k" * 32
    token = jwt.encode({"sub": "ann", "exp": time.time() + 60}, key, algorithm="HS256")

    async def scenario() -> None:
        async with api(redis_url, subject_key=key, api_key="write") as client:
            bearer = {"Authorization": f"Bearer {token}"}
            assert (await client.get("/v1/users/bob", headers=bearer)).status_code == 403
            assert (await client.get("/v1/users/ann")).status_code == 401
            assert (await client.get("/v1/users/ann", headers={"X-API-Key": "write"})).status_code == 200

    asyncio.run(scenario())
