from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from streaming.runtime import quiet_stop
from streaming.runtime.quiet_stop import count_active_tasks, stop_after_batch, stop_quietly


def test_a_stopped_query_ends_its_tasks_and_logs_nothing(
    spark: SparkSession, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rows = spark.readStream.format("rate").option("rowsPerSecond", 10).option("numPartitions", 2).load()
    slow = rows.selectExpr("java_method('java.lang.Thread', 'sleep', 500L) AS nothing")
    query = slow.writeStream.format("noop").start()
    deadline = time.monotonic() + 60
    while not count_active_tasks(spark, query):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    stop_quietly(spark, query)
    assert count_active_tasks(spark, query) == 0
    assert not query.isActive
    assert "ERROR" not in capfd.readouterr().err


class Query:
    """Runs batches one after another without a pause; each ends at its moment."""

    def __init__(self, now: list[float], *ends: float) -> None:
        self._now, self._ends = now, ends

    @property
    def status(self) -> dict[str, bool]:
        return {"isTriggerActive": self._now[0] < self._ends[-1]}

    @property
    def lastProgress(self) -> dict[str, int] | None:  # noqa: N802 - Spark's name
        ended = sum(end <= self._now[0] for end in self._ends)
        return {"batchId": ended - 1} if ended else None


def test_each_query_is_stopped_when_its_batch_ends_or_its_time_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr("streaming.runtime.quiet_stop.time.monotonic", lambda: now[0])
    monkeypatch.setattr(
        "streaming.runtime.quiet_stop.time.sleep", lambda seconds: now.__setitem__(0, now[0] + seconds)
    )
    stopped: dict[Any, float] = {}
    monkeypatch.setattr(quiet_stop, "stop_quietly", lambda _, query: stopped.__setitem__(query, now[0]))
    nothing: Any = None
    idle, busy, behind, slow = Query(now, 0.0), Query(now, 2.0), Query(now, 3.0, 9.0), Query(now, 60.0)
    queries: list[Any] = [idle, busy, behind, slow]
    stop_after_batch(nothing, queries, seconds=5.0)
    assert stopped == pytest.approx({idle: 0.0, busy: 2.0, behind: 3.0, slow: 5.0}, abs=0.1)
