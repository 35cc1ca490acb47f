"""Erasure over HTTP, with a real broker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx
import redis

from clients.topic_admin import create_topics
from contracts.stored import keyspace
from contracts.topics import CATALOG, TOPICS
from tests.serving.conftest import NOBODY, Client, ServedApi
from tests.serving.routes.test_catalog import last_record
from tests.serving.world import World


def test_an_erasure_writes_a_tombstone_and_its_receipt_names_the_offset(
    broker: str, redis_url: str, start_api: Callable[..., ServedApi]
) -> None:
    create_topics(broker, TOPICS)
    World().write(redis_url)
    with redis.Redis.from_url(redis_url) as state:
        state.zadd(keyspace.MODEL_VERSIONS, {"v1": 1})
    at_redis = {"redis_url": redis_url, "redis_timeout_seconds": 5}
    keys = {"api_key": "write", "admin_api_key": "admin"}
    api = start_api(**at_redis, **keys, kafka_bootstrap_servers=broker, kafka_timeout_seconds=20)
    with httpx.Client(base_url=api.url, timeout=30) as client:
        assert client.delete("/v1/users/a/b", headers={"X-API-Key": "write"}).status_code == 401
        client.headers["X-API-Key"] = "admin"
        answer = client.delete("/v1/users/a/b")
        assert answer.status_code == 202, answer.text
        erasure = answer.json()
        done = erasure["online"], erasure["lake"], erasure["models"]
        assert (erasure["state"], *done) == ("accepted", False, False, False)
        assert answer.headers["location"] == f"/v1/erasures/{erasure['receipt']}"

        key, record = last_record(broker, CATALOG.name)
        assert (key, record["kind"], record["id"]) == (b"erasure:a/b", "erasure", "a/b")
        assert record["updated_at"] == erasure["requested_at"]
        assert client.get(answer.headers["location"]).json() == erasure

        assert client.get("/v1/erasures/no-receipt").status_code == 404
        assert client.delete("/v1/users/ann/history").status_code == 405  # nobody's id


def test_an_erasure_is_accepted_while_redis_does_not_answer(
    broker: str, start_api: Callable[..., ServedApi]
) -> None:
    create_topics(broker, TOPICS)
    api = start_api(redis_url=f"redis://{NOBODY}/0", kafka_bootstrap_servers=broker, kafka_timeout_seconds=20)
    with httpx.Client(base_url=api.url, timeout=30) as client:
        answer = client.delete("/v1/users/ann")
        assert answer.status_code == 202, answer.text
        erasure = answer.json()
        done = erasure["online"], erasure["lake"], erasure["models"]
        assert (erasure["state"], *done) == ("accepted", False, False, False)


def test_without_kafka_an_erasure_is_a_503(api: Client) -> None:
    async def scenario() -> None:
        async with api() as client:
            answer = await client.delete("/v1/users/ann")
            assert answer.status_code == 503
            assert answer.headers["retry-after"]

    asyncio.run(scenario())


def test_an_export_needs_the_admin_key_and_names_the_other_places(api: Client, redis_url: str) -> None:
    World().write(redis_url)

    async def scenario() -> None:
        async with api(redis_url, api_key="write", admin_api_key="admin") as client:
            path = "/v1/users/ann/export"
            assert (await client.get(path, headers={"X-API-Key": "write"})).status_code == 401
            answer = await client.get(path, headers={"X-API-Key": "admin"})
            assert answer.status_code == 200, answer.text
            found = answer.json()
            assert [each["item_id"] for each in found["recent"]] == ["i01", "i00"]
            assert any("headwater users export" in each["what"] for each in found["elsewhere"])

    asyncio.run(scenario())


def test_an_export_says_so_where_redis_does_not_answer(api: Client) -> None:
    async def scenario() -> None:
        async with api() as client:
            assert (await client.get("/v1/users/ann/export")).status_code == 503

    asyncio.run(scenario())
