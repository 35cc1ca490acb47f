"""Reading one's own writes, over a real Redis; the tests write what the online query would."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
import pytest
import redis

from contracts.stored import keyspace
from serving.redis.store import Store
from serving.writes.applied_writes import POLL_SECONDS, AppliedWrites, NeverWrittenError
from serving.writes.log_ends import LogEnds
from serving.writes.write_token import encode_token
from tests.serving.conftest import Client, through_store
from tests.serving.world import World

TOKEN = encode_token({2: 41})


async def ask(client: httpx.AsyncClient, **query: Any) -> tuple[bool, float]:
    """Whether the answer is stale, and its seconds."""
    started = time.monotonic()
    response = await client.get("/v1/users/ann/recommendations", params={"after": TOKEN, **query})
    assert response.status_code == 200, response.text
    assert response.json()["items"]
    return response.json()["stale"], time.monotonic() - started


@pytest.fixture
def redis_client(redis_url: str) -> redis.Redis:
    World().write(redis_url)
    return redis.Redis.from_url(redis_url)


def apply_until(client: redis.Redis, next_offset: int) -> None:
    client.hset(keyspace.APPLIED_ONLINE, mapping={"interactions:2": next_offset, "catalog:0": 7})


def test_a_read_after_an_applied_write_is_answered_at_once(
    redis_url: str, redis_client: redis.Redis, api: Client
) -> None:
    apply_until(redis_client, 42)

    async def scenario() -> None:
        async with api(redis_url) as client:
            stale, seconds = await ask(client, wait_ms=10_000)
            assert (stale, seconds < 9) == (False, True)  # it would wait for 10 s if it waited
            assert (await ask(client, wait_ms=0))[0] is False

    asyncio.run(scenario())


def test_an_answer_waits_for_its_write_and_many_wait_with_one_poll(
    redis_url: str, redis_client: redis.Redis, api: Client
) -> None:
    apply_until(redis_client, 41)

    async def scenario() -> None:
        async with api(redis_url, popular_refresh_seconds=60) as client:
            asked = [asyncio.create_task(ask(client, wait_ms=10_000)) for _ in range(50)]
            await asyncio.sleep(0.3)
            assert not any(each.done() for each in asked)
            started = time.monotonic()
            before: Any = redis_client.info("commandstats")
            await asyncio.sleep(0.5)
            after: Any = redis_client.info("commandstats")
            seconds = time.monotonic() - started
            polls = after["cmdstat_hgetall"]["calls"] - before["cmdstat_hgetall"]["calls"]
            assert 1 <= polls <= seconds / POLL_SECONDS + 2  # not fifty times as many
            apply_until(redis_client, 42)
            assert [stale for stale, _ in await asyncio.gather(*asked)] == [False] * 50
            # Nobody waits any more, so the API soon no longer polls.
            polls = -1
            while (calls := redis_client.info("commandstats")["cmdstat_hgetall"]["calls"]) != polls:
                assert time.monotonic() < started + 60
                polls = calls
                await asyncio.sleep(0.3)

    asyncio.run(scenario())


def test_a_wait_ends_at_its_limit_and_the_answer_says_so(
    redis_url: str, redis_client: redis.Redis, api: Client
) -> None:
    async def scenario() -> None:
        async with api(redis_url) as client:
            stale, seconds = await ask(client, wait_ms=300)
            assert stale
            assert 0.25 < seconds < 9  # not the 10 s that others may wait
            stale, seconds = await ask(client, wait_ms=0)
            assert (stale, seconds < 9) == (True, True)

    asyncio.run(scenario())


def test_a_write_counts_as_applied_only_when_its_user_is_folded_in(
    redis_url: str, redis_client: redis.Redis, api: Client
) -> None:
    apply_until(redis_client, 42)
    redis_client.zadd(keyspace.pending(0), {"ann": 1, "bob": 2})

    async def scenario() -> None:
        async with api(redis_url) as client:
            assert (await ask(client, wait_ms=100))[0] is True
            asked = asyncio.create_task(ask(client, wait_ms=10_000))
            await asyncio.sleep(0.2)
            redis_client.zrem(keyspace.pending(0), "ann")
            assert (await asked)[0] is False
            # Without a model there is nothing to fold in with.
            redis_client.zadd(keyspace.pending(0), {"ann": 1})
            redis_client.delete(keyspace.CURRENT_MODEL)
            assert (await ask(client, wait_ms=10_000))[0] is False

    asyncio.run(scenario())


def test_without_redis_no_request_waits(api: Client) -> None:
    async def scenario() -> None:
        async with api() as client:
            started = time.monotonic()
            params = {"after": TOKEN, "wait_ms": 10_000}
            answer = (await client.get("/v1/users/ann/recommendations", params=params)).json()
            assert answer["stale"] is True
            assert time.monotonic() - started < 9  # not the 10 s that it may wait

    asyncio.run(scenario())


@pytest.mark.parametrize("token", ["", "nonsense", "W10", "e30K!", "A" * 9000])
def test_an_invalid_token_is_a_422_that_explains_tokens(
    redis_url: str, redis_client: redis.Redis, api: Client, token: str
) -> None:
    async def scenario() -> None:
        async with api(redis_url) as client:
            response = await client.get("/v1/users/ann/recommendations", params={"after": token})
            assert response.status_code == 422
            assert response.json()["errors"][0]["pointer"] == "/query/after"
            for wait_ms in (-1, 10_001):
                params = {"after": TOKEN, "wait_ms": wait_ms}
                assert (await client.get("/v1/users/a/recommendations", params=params)).status_code == 422

    asyncio.run(scenario())


def test_a_token_beyond_the_log_is_refused_and_only_few_requests_may_wait(
    redis_url: str, redis_client: redis.Redis
) -> None:
    apply_until(redis_client, 10)

    async def read(store: Store) -> None:
        ends = LogEnds(lambda: {2: 100}, reached={}, seconds_between=0.0)
        applied = AppliedWrites(store, ends, most=2)
        with pytest.raises(NeverWrittenError):
            await applied.wait("ann", {2: 100}, 10.0)
        waiting = [asyncio.create_task(applied.wait("ann", {2: 99}, 10.0)) for _ in range(2)]
        await asyncio.sleep(0.1)
        assert await applied.wait("ann", {2: 99}, 10.0) is False  # at once: two wait already
        assert not any(each.done() for each in waiting)
        apply_until(redis_client, 100)
        assert await asyncio.gather(*waiting) == [True, True]
        applied.close()

    through_store(redis_url, read)
