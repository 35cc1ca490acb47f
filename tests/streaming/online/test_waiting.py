"""The online query's loop while Redis is full, and while partitions are added: over a real Redis alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest.mock import MagicMock

import pytest
import redis

from contracts.stored import keyspace
from contracts.stored.statuses import StreamingStatus
from streaming.fold_in.catch_up import CatchUp
from streaming.online import driver
from streaming.online.touched_items import is_unmerged, note_touched
from streaming.state import patience
from streaming.state.applied_offsets import write_applied
from streaming.state.keys import mark_written
from streaming.state.patience import FULL
from streaming.state.status import read_status
from tests.faults.processes import wait_until
from tests.streaming.settings_of import settings_at

ENDS = {"interactions:0": 5}


class Reach:
    """Replaces the topics; all their records are applied."""

    def __init__(self, _: str) -> None:
        self.ends, self.asked_at = ENDS, 7

    def newest(self) -> Any:
        return self

    def start(self) -> None: ...

    def stop(self) -> None: ...


@pytest.fixture
def client(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[redis.Redis]:
    monkeypatch.setattr(driver, "TopicReach", Reach)
    monkeypatch.setattr(driver, "task_slots", lambda _: 0)
    monkeypatch.setattr(driver, "topic_ends", lambda _: ENDS)
    monkeypatch.setattr(patience, "PAUSE_SECONDS", 0.05)
    with redis.Redis.from_url(redis_url) as connection:
        mark_written(connection)
        write_applied(connection, keyspace.APPLIED_ONLINE, ENDS)
        yield connection
        connection.config_set("maxmemory", 0)


def moves_on(client: redis.Redis) -> bool:
    """Whether the loop has just reported its progress again."""
    client.hset(keyspace.STREAMING_STATUS, "online_through", 0)
    wait_until(lambda: read_status(client).online_through == 7, "the loop goes round")
    return True


def test_the_loop_waits_until_redis_has_room_and_says_so_once(
    client: redis.Redis, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "headwater.online")
    online = driver.Online(MagicMock(), settings_at(redis_url))
    online.start()
    try:
        assert moves_on(client)
        client.config_set("maxmemory", 1)
        wait_until(lambda: FULL in caplog.text, "it says that Redis is full")
        client.config_set("maxmemory", 0)
        wait_until(lambda: "takes writes again" in caplog.text, "it says that there is room")
        assert moves_on(client)
        assert online.is_alive()
    finally:
        online.stop()
        online.join(30)
    assert online.error is None
    assert caplog.text.count(FULL) == 1


def test_the_catch_up_waits_for_a_full_redis_too(
    client: redis.Redis, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    catch_up = CatchUp(MagicMock(), settings_at(redis_url), lambda: False)
    client.config_set("maxmemory", 1)
    catch_up.start()
    try:
        wait_until(lambda: FULL in caplog.text, "it says that Redis is full")
        client.config_set("maxmemory", 0)
        wait_until(lambda: read_status(client) != StreamingStatus(), "it goes on")
        assert catch_up.is_alive()
    finally:
        catch_up.stop()
        catch_up.join(30)
    assert catch_up.error is None


def test_touched_items_are_merged_between_two_looks(client: redis.Redis, redis_url: str) -> None:
    online = driver.Online(MagicMock(), settings_at(redis_url))
    note_touched(client, ["i1"])
    assert not online._merge_for(0.01)
    assert not is_unmerged(client)
    online.stop()
    assert online._merge_for(60.0)


def test_an_error_that_waiting_does_not_cure_ends_the_loop(client: redis.Redis, redis_url: str) -> None:
    client.set(keyspace.APPLIED_TIMES, "not a hash")
    online = driver.Online(MagicMock(), settings_at(redis_url))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("threading.excepthook", lambda _: None)
        online.start()
        online.join(30)
    assert "WRONGTYPE" in str(online.error)


@pytest.mark.parametrize("first", ["Kafka's reach", "Spark"])
def test_new_partitions_are_followed_whether_spark_or_the_driver_sees_them_first(
    client: redis.Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    more = {**ENDS, "interactions:1": 0}
    started: list[set[str]] = []
    monkeypatch.setattr(driver, "task_slots", lambda _: 9)
    monkeypatch.setattr(driver, "_NEW_PARTITIONS_SECONDS", 0.05)
    monkeypatch.setattr(driver, "stop_quietly", lambda *_: None)
    monkeypatch.setattr(driver, "topic_begins", lambda _: dict.fromkeys(more, 0))
    monkeypatch.setattr(driver, "topic_ends", lambda _: more)
    monkeypatch.setattr(Reach, "pause_seconds", lambda _: 0.02, raising=False)

    def start_live(_: object, __: object, starts: dict[str, dict[str, int]], ___: int) -> MagicMock:
        started.append(set(starts["interactions"]))
        return MagicMock()

    monkeypatch.setattr(driver, "start_live", start_live)
    is_refused = first == "Spark"
    monkeypatch.setattr(
        driver, "end_reason", lambda _: "partitions differ" if is_refused and len(started) == 1 else None
    )
    online = driver.Online(MagicMock(), settings_at(redis_url))
    online.start()
    try:
        wait_until(lambda: len(started) >= 1, "it is live")
        online._reach.ends = more  # type: ignore[attr-defined]
        wait_until(lambda: {"0", "1"} in started, "it is live with the new partition")
        assert moves_on(client)
    finally:
        online.stop()
        online.join(30)
    assert online.error is None
