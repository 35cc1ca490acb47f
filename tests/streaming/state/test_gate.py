from __future__ import annotations

import threading
import time

import pytest

from clients.redis.connection import redis_client
from contracts.stored import keyspace
from streaming.state.gate import forget_writers, rebuilding, writing

pytestmark = pytest.mark.redis_cluster_too


def test_a_batch_waits_for_a_rebuild_and_a_rebuild_waits_for_a_batch(redis_url: str) -> None:
    client, order = redis_client(redis_url), []
    inside = threading.Event()

    def batch() -> None:
        inside.wait(60)
        with writing(redis_client(redis_url), "w"):
            order.append("batch")

    thread = threading.Thread(target=batch)
    thread.start()
    with rebuilding(client):
        inside.set()
        time.sleep(0.6)
        order.append("rebuild")
    thread.join(60)
    assert order == ["rebuild", "batch"]
    assert not client.exists(keyspace.STATE_WRITERS, keyspace.STATE_REBUILDING)


def test_a_rebuild_waits_for_every_writer_at_work(redis_url: str) -> None:
    client, order = redis_client(redis_url), []

    def rebuild() -> None:
        with rebuilding(redis_client(redis_url)):
            order.append("rebuild")

    with writing(client, "w"):
        thread = threading.Thread(target=rebuild)
        thread.start()
        time.sleep(0.6)
        order.append("batch")
    thread.join(60)
    assert order == ["batch", "rebuild"]


def test_a_second_rebuild_is_refused(redis_url: str) -> None:
    client = redis_client(redis_url)
    with rebuilding(client), pytest.raises(RuntimeError, match="another"), rebuilding(client):
        pass


def test_flags_of_a_killed_process_expire_or_are_removed(redis_url: str) -> None:
    client = redis_client(redis_url)
    with rebuilding(client):
        assert 0 < client.ttl(keyspace.STATE_REBUILDING) <= 30
    client.zadd(keyspace.STATE_WRITERS, {"long dead": 1})
    with rebuilding(client):
        pass
    client.zadd(keyspace.STATE_WRITERS, {"just killed": 4_000_000_000_000})
    forget_writers(client)
    with rebuilding(client):
        pass
