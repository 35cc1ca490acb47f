"""A change is written once and as a whole, together with its line in the audit."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from contracts.experiments import changes
from contracts.experiments.changes import (
    AUDIT_LINES,
    CHANGE_KEYS,
    CHANGE_SCRIPT,
    WRITE_AGAIN_KEYS,
    WRITE_AGAIN_SCRIPT,
    ExperimentChange,
    change_arguments,
    change_of,
    write_again_arguments,
)
from contracts.stored import keyspace


def test_the_script_changes_a_record_only_if_it_is_as_expected(redis_url: str) -> None:
    client = redis.Redis.from_url(redis_url)

    def change(before: str, record: str) -> int:
        line = change_of("test", "define", "e", "why")
        return int(
            client.eval(
                CHANGE_SCRIPT, len(CHANGE_KEYS), *CHANGE_KEYS, *change_arguments(line, before, record)
            )
        )  # type: ignore[arg-type]

    assert [change("", "one"), change("", "two"), change("one", "two"), change("one", "three")] == [
        1,
        0,
        1,
        0,
    ]
    assert client.hget(keyspace.EXPERIMENTS, "e") == b"two"
    assert client.get(keyspace.EXPERIMENTS_REVISION) == b"2"
    lines = [ExperimentChange.decode(raw) for raw in client.lrange(keyspace.EXPERIMENT_AUDIT, 0, -1)]
    assert [(line.by, line.action, line.experiment, line.reason) for line in lines] == [
        ("test", "define", "e", "why")
    ] * 2
    assert change("two", "") == 1
    assert client.hget(keyspace.EXPERIMENTS, "e") is None
    for _ in range(3):
        client.rpush(keyspace.EXPERIMENT_AUDIT, *["{}"] * AUDIT_LINES)
    change("", "one")
    assert client.llen(keyspace.EXPERIMENT_AUDIT) == AUDIT_LINES
    client.close()


def test_the_numbers_of_last_runs_outlive_their_records_and_of_too_many_the_highest_stays(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = redis.Redis.from_url(redis_url)
    monkeypatch.setattr(changes, "RUN_NUMBERS", 2)

    def change(name: str, before: str, record: str, last_run: int) -> None:
        arguments = change_arguments(change_of("test", "any", name, "why"), before, record, last_run)
        assert client.eval(CHANGE_SCRIPT, len(CHANGE_KEYS), *CHANGE_KEYS, *arguments) == 1

    change("draft", "", "one", 0)
    change("e", "", "one", 2)
    change("e", "one", "", 0)  # damaged: its number is not known
    change("f", "", "one", 11)
    assert client.hgetall(keyspace.EXPERIMENT_RUNS) == {b"e": b"2", b"f": b"11"}
    change("f", "one", "two", 9)
    change("g", "", "one", 1)
    assert client.hgetall(keyspace.EXPERIMENT_RUNS) == {b"": b"11"}
    client.close()


def test_records_are_written_again_only_where_redis_has_lost_their_revision(redis_url: str) -> None:
    client = redis.Redis.from_url(redis_url)

    def write_again(*texts: Any) -> int:
        arguments = write_again_arguments(*texts)
        return int(client.eval(WRITE_AGAIN_SCRIPT, len(WRITE_AGAIN_KEYS), *WRITE_AGAIN_KEYS, *arguments))  # type: ignore[arg-type]

    assert write_again(b"4", {b"a": b"one", b"b": b"two"}, {b"a": b"3", b"gone": b"5"}) == 1
    assert write_again(b"9", {b"a": b"three", b"c": b"three"}, {b"a": b"4"}) == 0
    assert client.hgetall(keyspace.EXPERIMENTS) == {b"a": b"one", b"b": b"two"}
    assert client.hgetall(keyspace.EXPERIMENT_RUNS) == {b"a": b"3", b"gone": b"5"}
    assert client.get(keyspace.EXPERIMENTS_REVISION) == b"4"
    client.close()
