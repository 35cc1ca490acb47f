from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from contracts.stored import keyspace
from contracts.stored.records import COUNTED_TYPES, Popularity
from stack.machine.ports import free_port
from stack.status.redis_state import RedisUnavailableError, redis_state
from tests.manifests import a_manifest


@pytest.fixture
def writer(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


def test_status_reads_what_the_services_wrote(redis_url: str, writer: redis.Redis) -> None:
    rated = [0] * len(COUNTED_TYPES)
    rated[COUNTED_TYPES.index("rating")] = 3
    for item in ("x", "y"):
        writer.hset(keyspace.POPULARITY, item, Popularity(3, 9_000_000, tuple(rated)).encode())
    writer.hset(keyspace.APPLIED_LAKE, "interactions:0", "12")
    writer.set(keyspace.CURRENT_MODEL, "v1")
    writer.set(keyspace.manifest("v1"), a_manifest("v1").to_json())
    with redis_state(redis_url) as state:
        assert state.raters() == 6
        assert state.applied_offsets(keyspace.APPLIED_LAKE) == {"interactions:0": 12}
        assert state.applied_offsets(keyspace.APPLIED_ONLINE) == {}
        assert state.model() == a_manifest("v1")
        assert (state.request_training(), state.request_training()) == (1, 2)


def test_before_the_first_model_status_has_no_model(redis_url: str) -> None:
    with redis_state(redis_url) as state:
        assert state.model() is None


def test_a_redis_that_is_down_is_an_error_of_its_own_type() -> None:
    with pytest.raises(RedisUnavailableError), redis_state(f"redis://127.0.0.1:{free_port()}/0") as state:
        state.raters()
