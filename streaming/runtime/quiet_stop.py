"""Stops queries without errors in the log; Spark would report every stopped task as failed."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

_POLL_SECONDS = 0.05
_TASKS_SECONDS = 3.0
_one_at_a_time = threading.Lock()  # the log level is the whole JVM's


def stop_after_batch(spark: SparkSession, queries: Sequence[StreamingQuery], seconds: float) -> None:
    """Stop each query when its running batch has ended, so that it need not be repeated.

    A query that is behind begins the next batch at once, which is interrupted; after ``seconds`` all are.
    """
    deadline = time.monotonic() + seconds
    left = [(query, _newest_batch(query)) for query in queries]
    while left:
        for query, running in tuple(left):
            has_ended = not query.status["isTriggerActive"] or _newest_batch(query) != running
            if has_ended or time.monotonic() >= deadline:
                stop_quietly(spark, query)
                left.remove((query, running))
        time.sleep(_POLL_SECONDS)


def _newest_batch(query: StreamingQuery) -> int | None:
    """The number of the batch that ended last."""
    progress = query.lastProgress
    return None if progress is None else int(progress["batchId"])


def stop_quietly(spark: SparkSession, query: StreamingQuery) -> None:
    """Stop a query and, unlike Spark, wait for its tasks. The JVM logs nothing meanwhile.

    A query that ended by itself has kept its error: `streaming/runtime/query_end.py` says it.
    """
    with _one_at_a_time:
        spark.sparkContext.setLogLevel("OFF")
        try:
            query.stop()
            deadline = time.monotonic() + _TASKS_SECONDS
            while count_active_tasks(spark, query) and time.monotonic() < deadline:
                time.sleep(_POLL_SECONDS)
        finally:
            spark.sparkContext.setLogLevel("ERROR")


def count_active_tasks(spark: SparkSession, query: StreamingQuery) -> int:
    """How many tasks of the query's newest job have not ended yet, whether they were cancelled or not."""
    tracker = spark.sparkContext.statusTracker()
    newest = max(tracker.getJobIdsForGroup(query.runId), default=None)
    job = None if newest is None else tracker.getJobInfo(newest)
    stages = [tracker.getStageInfo(stage) for stage in job.stageIds] if job else []
    return sum(stage.numActiveTasks for stage in stages if stage)
