from __future__ import annotations

import redis

from contracts.stored import keyspace
from serving.redis.reads import model as reads
from tests.serving.conftest import through_store
from tests.serving.world import World


def test_the_pointer_and_its_manifest(redis_url: str) -> None:
    assert through_store(redis_url, reads.current_version) is None
    assert through_store(redis_url, reads.manifest) is None
    World(parameters={"als_rank": 8}).write(redis_url)
    found = through_store(redis_url, reads.manifest)
    assert (found["version"], found["parameters"]) == ("v1", {"als_rank": 8})


def test_a_version_whose_manifest_is_gone_is_still_named(redis_url: str) -> None:
    World().write(redis_url)
    client = redis.Redis.from_url(redis_url)
    client.delete(keyspace.manifest("v1"))
    client.close()
    assert through_store(redis_url, reads.manifest) == {"version": "v1"}
