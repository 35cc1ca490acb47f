from __future__ import annotations

from serving.redis.reads import model as reads
from tests.serving.conftest import through_store
from tests.serving.world import World


def test_the_served_version_and_its_manifest_are_read(redis_url: str) -> None:
    assert through_store(redis_url, reads.current_version) is None
    assert through_store(redis_url, lambda store: reads.read_manifest(store, "v1")) is None
    World(parameters={"als_rank": 8}).write(redis_url)
    assert through_store(redis_url, reads.current_version) == "v1"
    found = through_store(redis_url, lambda store: reads.read_manifest(store, "v1"))
    assert (found.version, found.parameters.als_rank) == ("v1", 8)
