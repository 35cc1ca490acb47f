from __future__ import annotations

import pytest
import redis

from contracts.stored import keyspace
from streaming.state.applied_offsets import (
    Move,
    ReplacedError,
    advance_applied,
    forget_applied,
    move_applied,
    read_applied,
    read_topic_ids,
    write_applied,
    write_topic_ids,
)
from streaming.state.client import connect

pytestmark = pytest.mark.redis_cluster_too

KEY = keyspace.APPLIED_ONLINE


@pytest.fixture
def client(redis_url: str) -> redis.Redis:
    client = connect(redis_url)
    write_applied(client, KEY, {"interactions:0": 5, "catalog:0": 2})
    return client


def test_offsets_are_read_as_they_were_written_and_partitions_that_are_not_written_are_kept(
    client: redis.Redis,
) -> None:
    write_applied(client, KEY, {"interactions:0": 6})
    write_applied(client, KEY, {})
    assert read_applied(client, KEY) == {"interactions:0": 6, "catalog:0": 2}
    assert read_applied(client, keyspace.APPLIED_LAKE) == {}


def test_the_topics_ids_are_kept_beside_the_offsets(client: redis.Redis) -> None:
    assert read_topic_ids(client) == {}  # of an earlier version
    write_topic_ids(client, {"interactions": "a", "catalog": "b"})
    write_topic_ids(client, {"interactions": "c"})
    write_topic_ids(client, {})  # the broker tells none
    assert read_topic_ids(client) == {"interactions": "c", "catalog": "b"}


def test_only_the_offsets_of_named_topics_are_forgotten(client: redis.Redis) -> None:
    forget_applied(client, KEY, [])
    forget_applied(client, KEY, ["catalog", "exposures"])
    assert read_applied(client, KEY) == {"interactions:0": 5}


def test_offsets_move_only_from_where_their_writer_has_left_them(client: redis.Redis) -> None:
    assert advance_applied(client, {"interactions:0": Move(5, 9), "catalog:0": Move(2, 3)}) is None
    assert read_applied(client, KEY) == {"interactions:0": 9, "catalog:0": 3}


@pytest.mark.parametrize("elsewhere", ["catalog:0", "interactions:1"])
def test_no_offset_moves_if_one_of_them_is_elsewhere_or_unknown(client: redis.Redis, elsewhere: str) -> None:
    moves = {"interactions:0": Move(5, 9), elsewhere: Move(1, 3)}
    assert advance_applied(client, moves) == elsewhere
    assert read_applied(client, KEY) == {"interactions:0": 5, "catalog:0": 2}


def test_a_replaced_service_moves_no_offset(client: redis.Redis) -> None:
    client.set(keyspace.STREAMING_EPOCH, 3)
    for call in (
        lambda: advance_applied(client, {"interactions:0": Move(5, 9)}, epoch=2),
        lambda: move_applied(client, {"interactions:0": 9}, epoch=2),
    ):
        with pytest.raises(ReplacedError, match="another streaming service"):
            call()
    assert read_applied(client, KEY) == {"interactions:0": 5, "catalog:0": 2}
    move_applied(client, {"interactions:0": 4, "new:0": 1}, epoch=3)
    assert read_applied(client, KEY) == {"interactions:0": 4, "catalog:0": 2, "new:0": 1}
