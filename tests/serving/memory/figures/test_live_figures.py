from __future__ import annotations

import asyncio
import time

import httpx
import redis

from contracts.live_figures import BATCH, FRESH, POPULAR, RETRAINED, amounts, day_of, hour_of
from contracts.stored import keyspace
from tests.serving.conftest import Client
from tests.serving.world import World

HOUR = 3_600_000


def write(url: str, at_ms: int, version: str, start_api: str, rank: int | None, shard: int = 0) -> None:
    ranks = {start_api: rank, RETRAINED: 4, POPULAR: None}
    with redis.Redis.from_url(url) as client:
        for name, amount in amounts(hour_of(at_ms), version, start_api, ranks).items():
            client.hincrby(keyspace.live(day_of(at_ms), shard), name, amount)


def ask(api: Client, url: str, *paths: str) -> list[httpx.Response]:
    async def scenario() -> list[httpx.Response]:
        async with api(url, redis_shards=2) as client:
            return [await client.get(path) for path in paths]

    return asyncio.run(scenario())


def test_live_figures_are_shown_by_hour_and_version_and_source_and_in_prometheus(
    api: Client, redis_url: str
) -> None:
    World(shards=2).write(redis_url)
    now = time.time_ns() // 1_000_000
    write(redis_url, now, "v2", FRESH, 1)
    write(redis_url, now, "v2", BATCH, None, shard=1)
    write(redis_url, now - 2 * HOUR, "v1", BATCH, 2)
    write(redis_url, now - 30 * HOUR, "v1", BATCH, 2)
    day, week, metrics, bad = ask(
        api, redis_url, "/v1/live", "/v1/live?hours=48", "/metrics", "/v1/live?hours=0"
    )
    found = day.json()
    assert found["total"]["served"]["events"] == 3
    assert found["by_version"]["v2"]["served"] == {"events": 2, "hit_rate": 0.5, "ndcg": 0.5, "mrr": 0.5}
    assert found["by_version"]["v2"]["by_source"]["fresh"]["hit_rate"] == 1.0
    assert found["by_version"]["v2"]["retrained"]["mrr"] == 0.25
    assert found["by_version"]["v2"]["popular"]["hit_rate"] == 0.0
    hours = [(row["hour"], row["model_version"], row["served"]["events"]) for row in found["series"]]
    assert hours == [((now - 2 * HOUR) // HOUR * HOUR, "v1", 1), (now // HOUR * HOUR, "v2", 2)]
    assert week.json()["total"]["served"]["events"] == 4
    assert 'headwater_live_hit_rate{list="retrained"} 1.0' in metrics.text
    assert "headwater_live_events 3.0" in metrics.text
    assert bad.status_code == 422


def test_before_the_first_event_the_figures_are_null(api: Client, redis_url: str) -> None:
    World().write(redis_url)
    found, metrics = ask(api, redis_url, "/v1/live", "/metrics")
    assert found.json()["total"]["served"] == {"events": 0, "hit_rate": None, "ndcg": None, "mrr": None}
    assert found.json()["series"] == []
    assert "headwater_live" not in metrics.text
