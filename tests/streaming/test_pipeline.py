from __future__ import annotations

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from streaming.catch_up import CatchUp
from streaming.online_batch import OnlineBatch
from streaming.pipeline import Pipeline, _thread

ALIVE = cast(CatchUp, SimpleNamespace(is_alive=lambda: True))
WELL = cast(OnlineBatch, SimpleNamespace(failure=lambda: None))


@pytest.fixture
def query(spark: SparkSession) -> Iterator[StreamingQuery]:
    running = spark.readStream.format("rate").load().writeStream.queryName("q").format("noop").start()
    yield running
    running.stop()


def test_a_query_whose_thread_is_killed_has_ended_with_a_reason(query: StreamingQuery) -> None:
    pipeline = Pipeline([query], WELL, ALIVE)
    assert pipeline.ended() is None
    thread = _thread(query)
    thread.stop()  # an error that the thread cannot foresee, as a StackOverflowError is
    deadline = time.monotonic() + 60
    while thread.isAlive():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert str(pipeline.ended()).startswith("query q ended: ")


def test_a_thread_that_is_gone_is_noticed_though_its_query_is_called_active() -> None:
    gone: Any = SimpleNamespace(isAlive=lambda: False)
    execution = SimpleNamespace(queryExecutionThread=lambda: gone)
    query: Any = SimpleNamespace(
        name="online", isActive=True, _jsq=SimpleNamespace(streamingQuery=lambda: execution)
    )
    assert "its thread is gone" in str(Pipeline([query], WELL, ALIVE).ended())


def test_a_batch_that_could_not_be_ended_ends_the_pipeline() -> None:
    failed = cast(OnlineBatch, SimpleNamespace(failure=lambda: ConnectionError("no Redis")))
    assert Pipeline([], failed, ALIVE).ended() == (
        "query online could not end a batch: ConnectionError('no Redis')"
    )
