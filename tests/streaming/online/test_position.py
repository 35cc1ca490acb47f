from __future__ import annotations

import pytest
import redis

from contracts.stored import keyspace
from streaming.online import position as module
from streaming.online.position import Position, StateWentBackError
from streaming.online.progress import BatchProgress
from streaming.state.applied_offsets import read_applied, write_applied
from streaming.state.client import connect

pytestmark = pytest.mark.redis_cluster_too

PARTITION = "interactions:0"


@pytest.fixture
def client(redis_url: str) -> redis.Redis:
    client = connect(redis_url)
    write_applied(client, keyspace.APPLIED_ONLINE, {PARTITION: 5})
    return client


def batch(first: int, until: int) -> BatchProgress:
    progress = BatchProgress()
    progress.add(PARTITION, first, until, through=9, records=until - first)
    return progress


@pytest.mark.parametrize("has_no_record", [True, False])
def test_a_task_may_begin_after_the_applied_offset_only_if_no_record_lies_between(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch, has_no_record: bool
) -> None:
    monkeypatch.setattr(module, "has_no_record", lambda *_: has_no_record)
    if has_no_record:
        assert Position("").check(client, {PARTITION: 7}) == {PARTITION: 5}
    else:
        with pytest.raises(StateWentBackError):
            Position("").check(client, {PARTITION: 7})


def test_a_task_may_read_applied_records_again_and_moves_no_offset_back(client: redis.Redis) -> None:
    task = Position("")
    task.check(client, {PARTITION: 2})
    task.advance(client, batch(2, 4))
    assert read_applied(client, keyspace.APPLIED_ONLINE) == {PARTITION: 5}


def test_offsets_that_were_passed_over_meanwhile_are_accepted(client: redis.Redis) -> None:
    task = Position("")
    task.check(client, {PARTITION: 5})
    task.advance(client, batch(5, 6))
    write_applied(client, keyspace.APPLIED_ONLINE, {PARTITION: 8})
    task.check(client, {PARTITION: 8})
    task.advance(client, batch(8, 9))
    assert read_applied(client, keyspace.APPLIED_ONLINE) == {PARTITION: 9}


def test_a_partition_whose_offset_is_missing_or_changed_meanwhile_is_an_error(
    client: redis.Redis,
) -> None:
    with pytest.raises(StateWentBackError, match="Redis says None"):
        Position("").check(client, {"interactions:1": 0})
    task = Position("")
    task.check(client, {PARTITION: 5})
    write_applied(client, keyspace.APPLIED_ONLINE, {PARTITION: 1})
    with pytest.raises(StateWentBackError, match=f"{PARTITION} was applied to 5, Redis says 1"):
        task.advance(client, batch(5, 6))
    assert read_applied(client, keyspace.APPLIED_TIMES) == {}
