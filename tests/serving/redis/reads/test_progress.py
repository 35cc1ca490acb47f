from __future__ import annotations

import redis

from contracts.stored import keyspace
from serving.redis.reads.progress import progress
from tests.serving.conftest import through_store


def test_users_wait_for_fold_in_only_while_there_is_a_model(redis_url: str) -> None:
    client = redis.Redis.from_url(redis_url)
    client.hset(keyspace.APPLIED_ONLINE, mapping={"interactions:0": 7, "interactions:3": 9, "catalog:0": 5})
    client.zadd(keyspace.pending(keyspace.shard_of("ann", 3)), {"ann": 1})
    before = through_store(redis_url, lambda store: progress(store, ["ann", "bob"]), redis_shards=3)
    assert before == ({0: 7, 3: 9}, set())
    client.set(keyspace.CURRENT_MODEL, "v1")
    client.close()
    assert through_store(
        redis_url, lambda store: progress(store, ["ann", "bob"]), redis_shards=3
    ).pending == {"ann"}
