"""A round and users who asked to be forgotten, over a real Redis."""

from __future__ import annotations

import time

import pytest
import redis

from contracts.settings import TrainingSettings
from contracts.stored import keyspace
from contracts.stored.records import decode_ranked_ids, encode_ranked_ids
from training.registry.publish import Publisher, write_fields
from training.rounds.erasure import leave_out_erased, read_progress

HOUR_MS = 3_600_000


@pytest.fixture
def publisher(redis_url: str) -> Publisher:
    return Publisher.of(TrainingSettings(redis_url=redis_url, redis_shards=2))


def lists_of(publisher: Publisher) -> dict[str, bytes]:
    client = redis.Redis.from_url(publisher.url)
    fields = [client.hgetall(keyspace.top_n(shard, "v1")) for shard in range(2)]
    return {user.decode(): raw for part in fields for user, raw in part.items()}


def write_lists(publisher: Publisher, erased: dict[str, int]) -> None:
    """Lists of ann, bob and eve; some of them erased."""
    client = redis.Redis.from_url(publisher.url)
    for user in ("ann", "bob", "eve"):
        write_fields(publisher.url, keyspace.top_n(keyspace.shard_of(user, 2), "v1"), {user: b"a list"})
    for user, until in erased.items():
        client.hset(keyspace.erased_users(keyspace.shard_of(user, 2)), user, until)
    users = encode_ranked_ids(["ann", "eve"], [2.0, 1.0])
    write_fields(
        publisher.url, keyspace.top_users("v1"), {"x": users, "y": encode_ranked_ids(["bob"], [1.0])}
    )


def test_a_user_who_is_erased_during_a_round_has_no_list_in_its_version(publisher: Publisher) -> None:
    before = read_progress(publisher)
    assert (before.catalog_through, before.complete) == ({}, True)
    now = time.time_ns() // 1_000_000
    # bob was erased long ago and came back: the lake has only what he did since.
    write_lists(publisher, {"ann": now, "bob": now - HOUR_MS})
    assert leave_out_erased(publisher, "v1", before) == 1
    assert lists_of(publisher) == {"ann": b"", "bob": b"a list", "eve": b"a list"}
    assert publisher.sizes("v1").lists == 3  # a version is counted whole when it is served again
    raw = redis.Redis.from_url(publisher.url).hget(keyspace.top_users("v1"), "x")
    assert decode_ranked_ids(raw) == (["eve"], (1.0,))  # type: ignore[arg-type]


def test_a_lake_that_has_fallen_behind_may_hold_any_erased_user(publisher: Publisher) -> None:
    client = redis.Redis.from_url(publisher.url)
    client.hset(keyspace.APPLIED_ONLINE, mapping={"catalog:0": 5, "interactions:0": 9})
    client.hset(keyspace.APPLIED_LAKE, mapping={"catalog:0": 4, "interactions:0": 1})
    before = read_progress(publisher)
    assert (before.catalog_through, before.complete) == ({"0": 4}, False)
    write_lists(publisher, {"bob": before.at - HOUR_MS})
    assert leave_out_erased(publisher, "v1", before) == 1
    assert lists_of(publisher)["bob"] == b""


def test_without_erasures_no_list_is_changed(publisher: Publisher) -> None:
    write_lists(publisher, {})
    assert leave_out_erased(publisher, "v1", read_progress(publisher)) == 0
    assert set(lists_of(publisher).values()) == {b"a list"}
