from __future__ import annotations

import asyncio
import logging
from typing import cast

import pytest
import redis

from contracts.stored import keyspace
from serving.memory.refresh import Refresher
from serving.redis.batches import Command
from serving.redis.store import Store, StoreError
from serving.telemetry.metrics import Metrics
from tests.manifests import a_manifest
from tests.serving.conftest import Client
from tests.serving.world import World


class Source:
    """Stands in for the store and the popular list."""

    down = False

    async def refresh(self) -> None:
        if self.down:
            raise StoreError("Redis does not answer")

    async def warm_up(self) -> None: ...

    async def ask(self, command: Command) -> list[bytes]:
        stored = {keyspace.CURRENT_MODEL: b"v1", keyspace.manifest("v1"): a_manifest("v1").to_json().encode()}
        return [stored[str(command[1])]]


def test_a_failing_refresh_is_logged_when_it_begins_and_when_it_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    source = Source()
    refresher = Refresher(cast(Store, source), [source], Metrics(), 1.0)
    with caplog.at_level(logging.INFO):
        for down in (False, True, True, True, False, False):
            source.down = down
            asyncio.run(refresher.once())
    messages = [record.getMessage() for record in caplog.records]
    assert messages == [
        "serving model v1",
        "answers are stale: Redis does not answer",
        "Redis answers again",
    ]


class Damaged(Source):
    """A value in Redis that cannot be read."""

    async def refresh(self) -> None:
        raise ValueError("no JSON")


def test_data_that_cannot_be_read_is_logged_once_and_does_not_stop_other_refreshes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    refresher = Refresher(cast(Store, Source()), [Damaged(), Source()], Metrics(), 1.0)
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            asyncio.run(refresher.once())
    messages = [record.getMessage() for record in caplog.records]
    assert messages == ["Damaged cannot be read and stays as it is", "serving model v1"]


def test_invalid_rules_do_not_stop_the_refresh_of_the_popular_list(redis_url: str, api: Client) -> None:
    World().write(redis_url)
    client_of_test = redis.Redis.from_url(redis_url)
    client_of_test.set(keyspace.SERVING_RULES, b'{"deny": 1}')

    async def scenario() -> None:
        async with api(redis_url) as client:
            before = (await client.get("/v1/popular?n=1")).json()["items"][0]["item_id"]
            client_of_test.zadd(keyspace.POPULAR, {"i9": 1e9})
            for _ in range(100):
                now = (await client.get("/v1/popular?n=1")).json()["items"][0]["item_id"]
                if now != before:
                    break
                await asyncio.sleep(0.05)
            assert (before != "i9", now) == (True, "i9")

    asyncio.run(scenario())
    client_of_test.close()
