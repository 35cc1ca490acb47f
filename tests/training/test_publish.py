from __future__ import annotations

import pytest
import redis

from contracts import keyspace
from contracts.settings import TrainingSettings
from training.publish import IncompletePublishError, Publisher, write_fields


@pytest.fixture
def publisher(redis_url: str) -> Publisher:
    return Publisher.of(TrainingSettings(redis_url=redis_url, redis_shards=2))


def test_of_two_trainers_that_started_from_one_version_one_loses(publisher: Publisher) -> None:
    assert publisher.current() == (None, None)
    assert publisher.promote("v1", {"n": 1}, expected=None)
    assert publisher.promote("v2", {"n": 2}, expected="v1")
    assert not publisher.promote("v3", {"n": 3}, expected="v1")
    assert publisher.current() == ("v2", {"n": 2})


def test_lists_that_did_not_arrive_stop_the_publication(publisher: Publisher) -> None:
    key = keyspace.top_n(0, "v1")
    write_fields(publisher.url, key, {f"u{n}": b"x" for n in range(1200)})
    publisher.verify([key, keyspace.top_n(1, "v1")], written=1200)
    with pytest.raises(IncompletePublishError, match="1201 lists were written, Redis holds 1200"):
        publisher.verify([key], written=1201)


def test_deleting_a_version_leaves_none_of_its_keys(publisher: Publisher) -> None:
    client = redis.Redis.from_url(publisher.url)
    publisher.begin("v1")
    publisher.write_items("v1", ["a", "b"])
    for shard in range(2):
        write_fields(publisher.url, keyspace.top_n(shard, "v1"), {"u": b"x"})
    write_fields(publisher.url, keyspace.similar_items("v1"), {"i": b"x"})
    publisher.promote("v1", {}, expected=None)
    publisher.begin("v2")
    assert publisher.versions_before("v2") == ["v1"]
    publisher.delete("v1")
    assert sorted(client.keys()) == [keyspace.CURRENT_MODEL.encode(), keyspace.MODEL_VERSIONS.encode()]
    assert publisher.versions_before("v2") == []


def test_requests_are_numbered_and_the_status_is_readable(publisher: Publisher) -> None:
    assert publisher.requests() == 0
    assert [publisher.request(), publisher.request()] == [1, 2]
    publisher.write_status(phase="fit", outcome="published")
    assert publisher.read_status() == {"phase": "fit", "outcome": "published"}
