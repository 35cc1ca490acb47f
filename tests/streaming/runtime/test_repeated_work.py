from __future__ import annotations

import threading
from unittest.mock import create_autospec

import pytest
from pyspark.sql import SparkSession

from streaming.runtime.repeated_work import RepeatedWork


def test_work_is_repeated_in_the_pool_of_the_lake_also_after_a_failure_until_it_is_stopped(
    caplog: pytest.LogCaptureFixture,
) -> None:
    spark = create_autospec(SparkSession, instance=True)
    turns, done = [], threading.Event()

    def work() -> None:
        turns.append(threading.current_thread().name)
        if len(turns) == 1:
            raise OSError("the disk is full")
        done.set()

    beside = RepeatedWork("outcomes", spark, work, 0.01, "outcomes wait in Redis")
    beside.start()
    assert done.wait(20)
    beside.stop()
    beside.join(20)
    assert not beside.is_alive()
    assert set(turns) == {"outcomes"}
    spark.sparkContext.setLocalProperty.assert_called_once_with("spark.scheduler.pool", "lake")
    assert "outcomes wait in Redis, tried again later: the disk is full" in caplog.text
