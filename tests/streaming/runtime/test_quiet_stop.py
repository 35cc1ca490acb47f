from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from streaming.runtime import quiet_stop
from streaming.runtime.quiet_stop import count_active_tasks, stop_quietly, wait_until_idle


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


def test_a_running_batch_is_waited_for_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(quiet_stop.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(quiet_stop.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    ends_at = [2.0]

    class Query:
        @property
        def status(self) -> dict[str, bool]:
            return {"isTriggerActive": now[0] < ends_at[0]}

    query: Any = Query()
    wait_until_idle([query], seconds=5.0)
    assert now[0] == pytest.approx(2.0, abs=0.1)
    ends_at[0] = 60.0
    wait_until_idle([query], seconds=5.0)
    assert now[0] == pytest.approx(7.0, abs=0.2)
