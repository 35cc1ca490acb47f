from __future__ import annotations

import asyncio
import time

import redis

from contracts.stored import keyspace
from serving.memory.newest_list import NewestList
from serving.redis.store import Store
from serving.telemetry.metrics import Metrics
from tests.serving.conftest import settings_of


def test_it_holds_what_is_out_the_newest_first_and_keeps_it_when_redis_goes(redis_url: str) -> None:
    soon = time.time_ns() // 1_000_000 + 60_000
    client = redis.Redis.from_url(redis_url)
    client.zadd(keyspace.NEWEST, {"old": 1000, "new": 2000, "soon": soon})
    client.close()

    async def scenario() -> None:
        store = Store(settings_of(redis_url=redis_url), 1.0, Metrics())
        newest = NewestList(store)
        assert newest.head(soon) == []
        await newest.refresh()
        assert newest.head(3000) == [("new", 2000.0), ("old", 1000.0)]
        assert newest.head(1500) == [("old", 1000.0)]
        await store.close()

    asyncio.run(scenario())
