from __future__ import annotations

import pytest
import redis

from clients import offsets_without_records
from clients.topic_admin import topic_ends
from contracts import topics
from contracts.stored import keyspace
from stack.machine.ports import free_port
from streaming.online.offsets_without_records import EndsWithoutRecord
from streaming.state.applied_offsets import read_applied, write_applied
from streaming.state.client import connect
from tests.integration.flow import send, send_in_transaction

PLACE = f"{topics.INTERACTIONS.name}:2"


@pytest.fixture
def client(redis_url: str) -> redis.Redis:
    return connect(redis_url)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def questions(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The questions that Kafka is asked: from which offset to which."""
    found: list[tuple[int, int]] = []

    def has_no_record(bootstrap: str, place: str, start: int, end: int) -> bool:
        found.append((start, end))
        return offsets_without_records.has_no_record(bootstrap, place, start, end)

    monkeypatch.setattr("streaming.online.offsets_without_records.has_no_record", has_no_record)
    return found


def commit_one(bootstrap: str) -> None:
    send_in_transaction(bootstrap, topics.INTERACTIONS.name, 2, b"u", b"{}")


def test_the_end_of_a_transaction_is_passed_over_once_its_records_are_applied(
    fresh_topics: str, client: redis.Redis, clock: Clock, questions: list[tuple[int, int]]
) -> None:
    commit_one(fresh_topics)
    ends, ends_without_record = topic_ends(fresh_topics), EndsWithoutRecord(client, fresh_topics, clock)
    assert ends[PLACE] == 2

    def look() -> dict[str, int]:
        ends_without_record.pass_over(ends, read_applied(client, keyspace.APPLIED_ONLINE))
        return read_applied(client, keyspace.APPLIED_ONLINE)

    write_applied(client, keyspace.APPLIED_ONLINE, dict.fromkeys(ends, 0))
    for _ in range(4):
        assert look()[PLACE] == 0
        clock.passes(1.5)
    assert questions == [(0, 2)]  # there is a record, so it will be applied: one question is enough
    write_applied(client, keyspace.APPLIED_ONLINE, {PLACE: 1})
    assert look()[PLACE] == 1
    clock.passes(2.5)
    assert look()[PLACE] == 2
    clock.passes(2.5)
    assert look() == ends
    assert questions == [(0, 2), (1, 2)]


def test_a_record_that_arrives_meanwhile_is_not_passed_over(
    fresh_topics: str, client: redis.Redis, clock: Clock, questions: list[tuple[int, int]]
) -> None:
    commit_one(fresh_topics)
    ends_without_record = EndsWithoutRecord(client, fresh_topics, clock)
    applied = {**dict.fromkeys(topic_ends(fresh_topics), 0), PLACE: 1}
    write_applied(client, keyspace.APPLIED_ONLINE, applied)
    ends_without_record.pass_over(topic_ends(fresh_topics), applied)
    clock.passes(2.5)
    send(fresh_topics, topics.CATALOG.name, [(b"a", b"{}")])
    ends = topic_ends(fresh_topics)
    ends_without_record.pass_over(ends, applied)
    clock.passes(2.5)
    ends_without_record.pass_over(ends, applied)
    assert read_applied(client, keyspace.APPLIED_ONLINE) == {**applied, PLACE: 2}
    assert questions == [(1, 2), (0, 1)]


def test_offsets_that_have_moved_meanwhile_are_not_changed(
    fresh_topics: str, client: redis.Redis, clock: Clock
) -> None:
    commit_one(fresh_topics)
    ends, ends_without_record = topic_ends(fresh_topics), EndsWithoutRecord(client, fresh_topics, clock)
    ends_without_record.pass_over(ends, {PLACE: 1})
    clock.passes(2.5)
    write_applied(client, keyspace.APPLIED_ONLINE, {PLACE: 0})  # went back
    ends_without_record.pass_over(ends, {PLACE: 1})
    assert read_applied(client, keyspace.APPLIED_ONLINE) == {PLACE: 0}


def test_a_broker_that_does_not_answer_is_asked_again_later(
    client: redis.Redis,
    clock: Clock,
    questions: list[tuple[int, int]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    ends_without_record = EndsWithoutRecord(client, f"127.0.0.1:{free_port()}", clock)
    monkeypatch.setattr("clients.offsets_without_records._ANSWER_SECONDS", 0.0)
    for seconds in (2.5, 1.5, 1.5):
        ends_without_record.pass_over({PLACE: 2}, {PLACE: 1})
        clock.passes(seconds)
    ends_without_record.pass_over({PLACE: 2}, {PLACE: 1})
    assert len(questions) == 2
    assert caplog.text.count("Kafka does not say") == 2
