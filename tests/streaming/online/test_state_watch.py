from __future__ import annotations

import pytest
import redis

from contracts.stored import keyspace
from streaming.online.state_watch import StateWatch, behind
from streaming.state.applied_offsets import read_applied, write_applied
from streaming.state.keys import mark_written
from streaming.state.status import read_status


def test_a_loss_is_reported_once_and_new_events_are_applied_from_where_they_were(
    redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = redis.Redis.from_url(redis_url)
    mark_written(client)
    write_applied(client, keyspace.APPLIED_ONLINE, {"interactions:0": 5})
    watch = StateWatch(client)
    assert not watch.look()
    assert read_status(client).state_lost is None
    for _ in range(2):
        client.flushall()
        assert watch.look()
        assert not watch.look()
        assert read_applied(client, keyspace.APPLIED_ONLINE) == {"interactions:0": 5}
    assert caplog.text.count("run `headwater rebuild`") == 1
    write_applied(client, keyspace.APPLIED_ONLINE, {"interactions:0": 7})
    watch.look()
    client.flushall()
    mark_written(client)
    watch.look()
    client.delete(keyspace.STATE_VERSION)
    watch.look()
    assert caplog.text.count("run `headwater rebuild`") == 2
    assert read_applied(client, keyspace.APPLIED_ONLINE) == {"interactions:0": 7}


def test_partitions_that_went_back_are_named() -> None:
    assert behind({"a:0": 5, "a:1": 4, "b:0": 0}, {"a:0": 6, "a:1": 3}) == "a:1 from 4 to 3"
    assert behind({"a:0": 5}, {"a:0": 5, "a:1": 1}) == ""
