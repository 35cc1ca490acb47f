from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

from pyspark.sql import SparkSession

from streaming.runtime.query_end import end_reason, execution_thread


def test_a_query_whose_thread_was_killed_has_ended_with_a_reason(spark: SparkSession) -> None:
    query = spark.readStream.format("rate").load().writeStream.queryName("q").format("noop").start()
    assert end_reason(query) is None
    thread = execution_thread(query)
    thread.stop()  # an error that the thread cannot foresee, as a StackOverflowError is
    deadline = time.monotonic() + 60
    while thread.isAlive():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert str(end_reason(query)).startswith("query q ended: ")
    query.stop()


def test_a_dead_thread_is_noticed_even_if_spark_calls_its_query_active() -> None:
    gone: Any = SimpleNamespace(isAlive=lambda: False)
    execution = SimpleNamespace(queryExecutionThread=lambda: gone)
    query: Any = SimpleNamespace(
        name="online", isActive=True, _jsq=SimpleNamespace(streamingQuery=lambda: execution)
    )
    assert "its thread is gone" in str(end_reason(query))
