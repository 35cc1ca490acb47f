"""The client with a real cluster of three servers; the services' own tests show what they do with it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
import redis
from redis.backoff import NoBackoff
from redis.crc import key_slot
from redis.exceptions import CrossSlotTransactionError
from redis.retry import Retry

from clients.redis.connection import redis_client
from contracts.settings import RedisSettings
from serving.redis.store import Store, StoreError
from serving.telemetry.metrics import Metrics
from stack.machine.ports import LOOPBACK, free_port
from stack.status.redis_state import RedisUnavailableError, redis_state
from tests.redis_cluster import Cluster

KEYS = [f"key{n}" for n in range(30)]  # on all servers


@pytest.fixture
def client(redis_cluster: Cluster) -> Iterator[redis.Redis]:
    redis_cluster.flush()
    with redis_client(redis_cluster.url, socket_timeout=10) as connection:
        yield connection


def test_a_pipeline_over_all_servers_gives_its_replies_in_order(client: redis.Redis) -> None:
    script = client.register_script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
    with client.pipeline(transaction=False) as pipeline:
        pipeline.time()
        for n, key in enumerate(KEYS):
            script(keys=[key], args=[n], client=pipeline)
        pipeline.mget("{a}1", "{a}2")
        pipeline.hset("hash", items=["field", "value"])
        pipeline.hgetall("hash")
        (seconds, _), *replies = pipeline.execute()
    assert seconds > 1_700_000_000
    assert replies == [*range(len(KEYS)), [None, None], 1, {b"field": b"value"}]


def test_a_script_runs_on_a_server_that_has_not_seen_it(client: redis.Redis) -> None:
    script = client.register_script("return ARGV[1]")
    assert {script(keys=[key], args=["x"]) for key in KEYS} == {b"x"}


def test_an_error_is_returned_in_place_of_its_reply_or_raised(client: redis.Redis) -> None:
    client.set("text", "no number")
    with client.pipeline(transaction=False) as pipeline:
        pipeline.set("a", 1).incr("text").set("b", 2)
        first, error, last = pipeline.execute(raise_on_error=False)
        assert (first, type(error), last) == (True, redis.ResponseError, True)
        pipeline.incr("text")
        with pytest.raises(redis.ResponseError, match="not an integer"):
            pipeline.execute()


def test_keys_of_all_servers_are_counted_deleted_and_scanned(client: redis.Redis) -> None:
    for key in KEYS:
        client.set(key, 1)
    assert client.exists(*KEYS, "absent") == client.dbsize() == len(client.keys()) == 30
    assert set(client.scan_iter(match="key*", count=3)) == {key.encode() for key in KEYS}
    assert client.unlink(*KEYS[:20]) == 20
    assert client.dbsize() == 10


def test_a_transaction_in_one_slot_runs_and_one_over_several_slots_is_refused(client: redis.Redis) -> None:
    with client.pipeline(transaction=True) as pipeline:
        pipeline.rpush("{a}list", 1)
        pipeline.ltrim("{a}list", -1, -1)
        assert pipeline.execute() == [1, True]
        pipeline.set("a", 1).set("b", 1)
        with pytest.raises(CrossSlotTransactionError, match="one slot"):
            pipeline.execute()
    assert not client.exists("a", "b")


def test_commands_reach_a_slot_while_it_moves_to_another_server_and_afterwards(
    client: redis.Redis, redis_cluster: Cluster
) -> None:
    before, after, slot = "{moving}before", "{moving}after", key_slot(b"moving")
    source = slot * 3 // 16_384
    target = (source + 1) % 3
    store = Store(RedisSettings.model_validate({"redis_url": redis_cluster.url}), 5.0, Metrics())

    async def ask() -> list[object]:
        return await store.ask(("GET", before), ("GET", after), ("GET", "key1"))

    async def scenario() -> None:
        client.mset({before: 1, after: 2})
        client.set("key1", 3)
        expected = [b"1", b"2", b"3"]
        assert read(client, before, after, "key1") == await ask() == expected
        with redis_cluster.server(source) as giver, redis_cluster.server(target) as taker:
            names = [server.execute_command("CLUSTER MYID").decode() for server in (giver, taker)]
            taker.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", names[0])
            giver.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", names[1])
            giver.migrate(LOOPBACK, redis_cluster.ports[target], before, 0, 5000)
            assert read(client, before, after, "key1") == await ask() == expected
            giver.migrate(LOOPBACK, redis_cluster.ports[target], after, 0, 5000)
            for server in (taker, giver):
                server.execute_command("CLUSTER SETSLOT", slot, "NODE", names[1])
            assert read(client, before, after, "key1") == await ask() == expected
            for server in (giver, taker):  # leave the cluster empty, as other tests expect it
                client.delete(before, after)
                server.execute_command("CLUSTER SETSLOT", slot, "NODE", names[0])
        await store.close()

    asyncio.run(scenario())


def read(client: redis.Redis, *keys: str) -> list[object]:
    with client.pipeline(transaction=False) as pipeline:
        for key in keys:
            pipeline.get(key)
        found: list[object] = pipeline.execute()
    assert [client.get(key) for key in keys] == found
    return found


def test_a_cluster_that_does_not_answer_raises_the_error_of_a_single_server() -> None:
    url = f"redis+cluster://{LOOPBACK}:{free_port()}"
    client = redis_client(url, socket_timeout=1, retry=Retry(NoBackoff(), 0))  # connects when it is used
    with pytest.raises(redis.ConnectionError, match="Cluster"):
        client.get("key")
    with client.pipeline(transaction=False) as pipeline, pytest.raises(redis.ConnectionError):
        pipeline.get("key").execute()
    with pytest.raises(RedisUnavailableError), redis_state(url) as state:
        state.state_version()

    async def ask() -> None:
        store = Store(RedisSettings.model_validate({"redis_url": url}), 1.0, Metrics())
        with pytest.raises(StoreError, match="does not answer"):
            await store.ask(("GET", "key"))
        await store.close()

    asyncio.run(ask())
