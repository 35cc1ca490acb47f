from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
import redis

from contracts.stored import keyspace
from streaming.online.state_watch import StateWatch, behind
from streaming.state.applied_offsets import read_applied, write_applied
from streaming.state.gate import rebuilding
from streaming.state.keys import is_there, mark_written, take_mark_away
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


@pytest.fixture
def evicting(redis_url: str) -> Iterator[redis.Redis]:
    """A Redis that deletes keys when it is full; it holds the state."""
    with redis.Redis.from_url(redis_url) as client:
        mark_written(client)
        client.config_resetstat()
        client.config_set("maxmemory-policy", "allkeys-random")
        yield client
        client.config_set("maxmemory", 0)
        client.config_set("maxmemory-policy", "noeviction")


def test_an_eviction_removes_the_mark_of_the_state_and_is_reported_with_its_cure(
    evicting: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    watch = StateWatch(evicting, clock=itertools.count(0, 10).__next__)
    watch.look()
    watch.look()
    assert is_there(evicting)
    used = int(evicting.info("memory")["used_memory"])  # type: ignore[index]
    evicting.config_set("maxmemory", used + 200_000)
    for n in range(300):
        evicting.set(f"filler:{n}", b"x" * 1000)
    mark_written(evicting)  # this key may have been evicted
    watch.look()
    assert not is_there(evicting)
    status = read_status(evicting)
    assert status.state_lost is not None
    assert (status.evicted_keys or 0) > 0
    assert "because it was full (maxmemory-policy allkeys-random): set noeviction" in caplog.text
    # After the rebuild nothing is evicted, so there is no further alarm.
    evicting.config_set("maxmemory", 0)
    watch.look()
    mark_written(evicting)
    for _ in range(3):
        watch.look()
    assert is_there(evicting)


def test_deleted_keys_remove_the_mark_of_the_state(redis_url: str, caplog: pytest.LogCaptureFixture) -> None:
    with redis.Redis.from_url(redis_url) as client:
        mark_written(client)
        client.hset(keyspace.history("ann", 1), "i1", b"an entry")  # without the keys that belong to it
        watch = StateWatch(client, clock=itertools.count(0, 10).__next__)
        for _ in range(3):
            watch.look()
        assert not is_there(client)
    assert caplog.text.count("a part of the state in Redis is gone") == 1


def test_a_running_rebuild_raises_no_alarm(redis_url: str, caplog: pytest.LogCaptureFixture) -> None:
    with redis.Redis.from_url(redis_url) as client:
        mark_written(client)
        watch = StateWatch(client)
        watch.look()
        with rebuilding(client):
            take_mark_away(client)
            watch.look()
            assert caplog.text == ""
        watch.look()  # the rebuild ended without the mark, so it was killed
        assert "run `headwater rebuild`" in caplog.text


def test_partitions_that_went_back_are_named() -> None:
    assert behind({"a:0": 5, "a:1": 4, "b:0": 0}, {"a:0": 6, "a:1": 3}) == "a:1 from 4 to 3"
    assert behind({"a:0": 5}, {"a:0": 5, "a:1": 1}) == ""
