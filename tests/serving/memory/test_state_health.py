"""A real Redis that answers but has lost the state: flushed, being rebuilt, evicting."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import redis

from contracts.stored import keyspace
from tests.serving.conftest import Client, until
from tests.serving.world import World, labelled_world

LISTS = (
    "/v1/users/ann/recommendations",
    "/v1/popular",
    "/v1/trending",
    "/v1/items/i00/similar",
)
EMPTY = (
    "/v1/users/ann/history",
    "/v1/users/ann/similar",
    "/v1/users/ann/because",
    "/v1/items/i00/together",
    "/v1/items/i00/users",
)


@pytest.fixture
def client_of_test(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", 0)


def trending_world() -> World:
    made = labelled_world()
    made.trending = {86_400: {f"i{n:02}": time.time() / 86_400 + 9 - n / 100 for n in range(8)}}
    return made


async def read(client: httpx.AsyncClient, path: str) -> Any:
    return (await client.get(path)).json()


async def state(client: httpx.AsyncClient) -> str:
    """The first word of the state's entry in /readyz."""
    return str((await read(client, "/readyz")).get("state")).split()[0]


def test_after_a_flush_answers_keep_their_items_and_are_stale_and_readiness_says_why(
    redis_url: str, api: Client, client_of_test: redis.Redis
) -> None:
    trending_world().write(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client:
            for path in LISTS:
                answer = await read(client, path)
                assert (answer["stale"], bool(answer["items"])) == (False, True), path
            await client.put("/v1/rules", json={"deny": ["i04"]})
            client_of_test.flushall()
            # The very next answer knows, not only the next refresh.
            for path in (*LISTS, *EMPTY):
                assert (await read(client, path))["stale"] is True, path
            await until(lambda: state(client), "Redis")
            for _ in range(2):
                for path in LISTS:
                    answer = await read(client, path)
                    found = [item["item_id"] for item in answer["items"]]
                    assert (answer["stale"], bool(found)) == (True, True), path
                    # Hidden, expired, denied: what was known of items is not replaced by nothing either.
                    assert not {"i02", "i03", "i04"} & set(found), path
                await asyncio.sleep(0.15)  # refreshes in between
            ready = await read(client, "/readyz")
            assert (ready["status"], ready["popular_items"]) == ("stale", 30)
            assert "headwater rebuild" in ready["state"]
            assert "headwater_redis_state_missing 1.0" in (await client.get("/metrics")).text

            client_of_test.set(keyspace.STATE_REBUILDING, "rebuild")
            await until(lambda: state(client), "`headwater")
            # A part is back: less than what is kept.
            client_of_test.zadd(keyspace.POPULAR, {"i29": 1.0})
            await asyncio.sleep(0.15)
            assert len((await read(client, "/v1/popular?n=100"))["items"]) == 27

            trending_world().write(redis_url)
            client_of_test.delete(keyspace.STATE_REBUILDING)
            await until(lambda: state(client), "ok")
            for path in LISTS:
                assert (await read(client, path))["stale"] is False, path
            assert "headwater_redis_state_missing 0.0" in (await client.get("/metrics")).text
            assert (await read(client, "/v1/rules"))["deny"] == ["i04"]

    asyncio.run(scenario())


def test_answers_from_a_state_of_an_unknown_version_are_stale(
    redis_url: str, api: Client, client_of_test: redis.Redis
) -> None:
    World().write(redis_url)
    client_of_test.set(keyspace.STATE_VERSION, keyspace.STATE + 1)

    async def scenario() -> None:
        async with api(redis_url) as client:
            assert (await read(client, LISTS[0]))["stale"] is True
            await until(lambda: state(client), "Redis")
            told = (await read(client, "/readyz"))["state"]
            assert f"version {keyspace.STATE + 1}, which a newer Headwater wrote" in told
            client_of_test.set(keyspace.STATE_VERSION, keyspace.STATE)
            await until(lambda: state(client), "ok")

    asyncio.run(scenario())


def test_answers_that_fall_behind_because_redis_is_full_are_stale(
    redis_url: str, api: Client, client_of_test: redis.Redis
) -> None:
    World(online_through=int(1000 * time.time()) - 60_000).write(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client:
            assert (await read(client, LISTS[0]))["stale"] is False  # behind, as in a replay: lag_ms says it
            client_of_test.config_set("maxmemory", 1)
            await until(lambda: state(client), "Redis")
            answer = await read(client, LISTS[0])
            assert (answer["stale"], bool(answer["items"])) == (True, True)
            assert "Redis is full" in (await read(client, "/readyz"))["state"]
            assert "headwater_redis_full 1.0" in (await client.get("/metrics")).text

    asyncio.run(scenario())


def test_a_redis_that_may_evict_keys_is_reported_with_the_cure(
    redis_url: str, api: Client, client_of_test: redis.Redis
) -> None:
    World().write(redis_url)
    client_of_test.config_set("maxmemory-policy", "allkeys-lru")

    async def scenario() -> None:
        async with api(redis_url) as client:
            await until(lambda: state(client), "Redis")
            ready = await read(client, "/readyz")
            assert ready["status"] == "stale"
            assert "CONFIG SET maxmemory-policy noeviction" in ready["state"]
            text = (await client.get("/metrics")).text
            assert "headwater_redis_may_evict 1.0" in text
            assert "headwater_redis_evicted_keys_total" in text
            client_of_test.config_set("maxmemory-policy", "noeviction")
            await until(lambda: state(client), "ok")

    asyncio.run(scenario())
