"""Reads whose results no route shows, over a real Redis; the routes' tests cover the others."""

from __future__ import annotations

import asyncio
import socket

import pytest

from clients.redis.connection import redis_client
from contracts.stored import keyspace
from serving.redis import store as store_module
from serving.redis.reads.model import current_version
from serving.redis.reads.user import read_user, user_ids
from serving.redis.store import Store, StoreError
from serving.telemetry.metrics import Metrics
from tests.serving.conftest import NOBODY, settings_of
from tests.serving.world import World

pytestmark = pytest.mark.redis_cluster_too


def store_at(url: str, seconds: float = 1.0) -> Store:
    return Store(settings_of(redis_url=url), seconds, Metrics())


def test_the_users_of_all_histories_and_lists_are_found(redis_url: str) -> None:
    world = World(
        histories={f"{i}:history:{i}": ["i00"] for i in range(3000)}, top={"only a list": [("i00", 1.0)]}
    )
    client = redis_client(redis_url)
    for each in world.histories:
        client.hset(keyspace.history(each, 1), "i00", b"")
    world.histories = {each: [] for each in [*world.histories, *world.top]}
    world.write(redis_url)
    client.close()

    async def users() -> set[str]:
        store = store_at(redis_url)
        try:
            return {each async for each in user_ids(store, "v1")}
        finally:
            await store.close()

    assert asyncio.run(users()) == set(world.histories)


def test_after_failures_in_a_row_redis_is_not_asked() -> None:
    async def scenario() -> None:
        store = store_at(f"redis://{NOBODY}/0")
        for _ in range(3):
            with pytest.raises(StoreError, match="ConnectionError"):
                await current_version(store)
        with pytest.raises(StoreError, match="failed just now"):
            await read_user(store, "u")
        await store.close()

    asyncio.run(scenario())


def test_large_reads_that_fail_do_not_affect_other_reads(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "BACKGROUND_SECONDS", 0.05)

    async def scenario() -> None:
        store = store_at(redis_url)
        for _ in range(3):
            with pytest.raises(StoreError, match="TimeoutError"):
                await store.ask_large(("BLPOP", "nothing", 5))  # as a reply that takes long
        with pytest.raises(StoreError, match="failed just now"):
            await store.ask_large(("GET", "nothing"))
        assert await store.ask(("GET", "nothing")) == [None]
        await store.close()

    asyncio.run(scenario())


def test_a_read_gives_up_at_its_deadline_even_while_it_connects() -> None:
    async def scenario(port: int) -> float:
        store = store_at(f"redis://127.0.0.1:{port}/0", seconds=0.05)
        loop = asyncio.get_running_loop()
        started = loop.time()
        with pytest.raises(StoreError, match="Timeout"):
            await read_user(store, "u")
        took = loop.time() - started
        await store.close()
        return took

    # The kernel accepts the connection and nothing answers, as with a stopped Redis.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        # A hundred deadlines: without one, the read would wait for ever.
        assert asyncio.run(scenario(silent.getsockname()[1])) < 5
