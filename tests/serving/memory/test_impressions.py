"""Items that were shown move down, over a real Redis: they are noted, bounded, expire; off by default."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import redis

from contracts.stored import keyspace
from serving.memory.impressions import MAX_WAITING, Impressions
from serving.redis.batches import Command
from serving.redis.store import Store
from serving.telemetry.metrics import Metrics
from tests.serving.conftest import Client, settings_of
from tests.serving.world import World


async def ids(client: httpx.AsyncClient, **query: Any) -> list[str]:
    response = await client.get("/v1/users/bob/recommendations", params={"n": 4, **query})
    assert response.status_code == 200, response.text
    return [item["item_id"] for item in response.json()["items"]]


async def until_noted(client: redis.Redis, items: int) -> None:
    for _ in range(200):
        if client.zcard(keyspace.shown_items("bob", 1)) == items:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the impressions were not written")


def test_a_shown_item_without_an_interaction_moves_down(redis_url: str, api: Client) -> None:
    World(top={}).write(redis_url)
    client_of_test = redis.Redis.from_url(redis_url)

    async def scenario() -> None:
        async with api(redis_url, shown_seconds=600, shown_items=6) as client:
            first = await ids(client)
            await until_noted(client_of_test, 4)
            assert await ids(client) == first  # without the option, no item moves down
            rotated = await ids(client, rotation=1.0)
            assert set(rotated).isdisjoint(first)
            # bob has touched the first one since: as a known item it may come again, and does not sink.
            client_of_test.hset(keyspace.history("bob", 1), first[0], b"")
            assert first[0] in await ids(client, rotation=1.0, known="keep")
            await until_noted(client_of_test, 6)  # no more than SHOWN_ITEMS
        assert 0 < client_of_test.ttl(keyspace.shown_items("bob", 1)) <= 600

    asyncio.run(scenario())
    client_of_test.close()


def test_no_impressions_are_stored_by_default(redis_url: str, api: Client) -> None:
    World(top={}).write(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client:
            first = await ids(client)
            await asyncio.sleep(0.2)
            assert await ids(client, rotation=1.0) == first

    asyncio.run(scenario())
    client_of_test = redis.Redis.from_url(redis_url)
    assert list(client_of_test.scan_iter("*shown*")) == []
    client_of_test.close()


def test_impressions_that_come_while_others_are_written_wait_for_the_next_time() -> None:
    class BusyStore(Store):
        writes = 0

        async def ask_alone(self, *commands: Command, **limits: Any) -> list[Any]:
            self.writes += 1
            assert self.writes <= 2
            impressions.note("later", ["i1"])
            return []

    settings = settings_of(shown_seconds=60)
    store = BusyStore(settings, 1.0, Metrics())
    impressions = Impressions(store, settings)
    impressions.note("ann", ["i1"])
    asyncio.run(impressions.refresh())
    asyncio.run(impressions.refresh())
    assert store.writes == 2


def test_impressions_are_bounded_and_written_in_few_round_trips(redis_url: str) -> None:
    client_of_test = redis.Redis.from_url(redis_url)

    async def scenario() -> None:
        settings = settings_of(redis_url=redis_url, shown_seconds=60)
        store = Store(settings, 1.0, Metrics())
        impressions = Impressions(store, settings)
        for n in range(MAX_WAITING + 5):
            impressions.note(f"u{n}", ["i1"])
        impressions.note("", ["i1"])  # a session
        impressions.note("empty", [])
        await impressions.refresh()
        await store.close()

    asyncio.run(scenario())
    assert client_of_test.dbsize() == MAX_WAITING - 1  # the empty answer took a place
    assert not client_of_test.exists(keyspace.shown_items("u0", 1))
    client_of_test.flushall()
    client_of_test.close()
