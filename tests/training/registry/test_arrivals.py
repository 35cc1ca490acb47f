from __future__ import annotations

import numpy as np
import pytest

from clients.redis.connection import redis_client
from contracts.stored import keyspace
from training.registry import arrivals
from training.registry.arrivals import hours_since_arrival
from training.registry.publish import Publisher

pytestmark = pytest.mark.redis_cluster_too


def test_the_later_time_in_the_two_queues_counts_and_others_never_arrived(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "_CALL_USERS", 2)
    with redis_client(redis_url) as client:
        seconds, _ = client.time()
        for user, queue, hours in (
            ("ann", keyspace.active, 2),
            ("bob", keyspace.pending, 3),
            ("eve", keyspace.active, 9),
            ("eve", keyspace.pending, 1),
            ("tim", keyspace.pending, -1),  # as if a clock had been set back
        ):
            client.zadd(queue(keyspace.shard_of(user, 4)), {user: 1000 * (seconds - 3600 * hours)})
    found = hours_since_arrival(Publisher(redis_url, shards=4), ["ann", "bob", "zoe", "eve", "tim"])
    assert found == pytest.approx([2, 3, np.inf, 1, 0], abs=0.01)
    assert not len(hours_since_arrival(Publisher(redis_url, shards=4), []))
