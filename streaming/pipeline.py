"""The dataflow on one screen.

Kafka interactions, catalog ─┬─ lake    (seconds): parse ─► Delta interactions, catalog; rejects ─► Kafka
                             │                      └─ item_activity (a minute): hourly, watermarked
                             └─ online  (0.1 s):   parse ─► Redis histories, popularity, trends, catalogue
                                                   └─ fold in its users ─► fresh lists; applied offsets
                                catch-up: who could not be folded in within a batch, or by the newest model
"""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from contracts.settings import StreamingSettings
from streaming.applied import next_offsets
from streaming.catch_up import CatchUp
from streaming.checkpoint import Checkpoint, clear_killed_start, read_checkpoint, starting_offsets
from streaming.item_activity import hourly_activity, write_activity
from streaming.lake_batch import LakeBatch
from streaming.online_batch import OnlineBatch
from streaming.online_sink import applied_records
from streaming.source import read_topics
from streaming.stored_files import StoredFiles

log = logging.getLogger("headwater.streaming")
# A query whose state or source changes in a way that Spark refuses gets a new version: its old checkpoint
# counts as lost, and `headwater repair` carries it on from the lake.
QUERY_VERSIONS = {"lake": 1, "item_activity": 1, "online": 1}

# Spark writes the online query's logs once a second, beside its batches. After a crash it runs what the logs
# lack again, which changes nothing (redis_sink); the lake's batches are numbered by them, so not the lake's.
# The last option: foreachBatch is not on Spark's list of sinks for which that is known to be harmless.
_LOGGED_BESIDE = "online"
_LOGS_BESIDE = {
    "asyncProgressTrackingEnabled": "true",
    "asyncProgressTrackingCheckpointIntervalMs": "1000",
    "_asyncProgressTrackingOverrideSinkSupportCheck": "true",
}


class Pipeline(NamedTuple):
    """What runs; each part ends only with an error or by being stopped."""

    queries: list[StreamingQuery]
    online: OnlineBatch
    catch_up: CatchUp

    def stop(self) -> None:
        """Stop every part."""
        self.catch_up.stop()
        for query in self.queries:
            query.stop()
        self.online.finish()
        self.catch_up.join()

    def ended(self) -> str | None:
        """Which part has ended by itself, and why; None while all run."""
        for query in self.queries:
            if not query.isActive:
                return f"query {query.name} ended: {query.exception() or 'no reason given'}"
            if not _thread(query).isAlive():
                # It died before it could say so (a StackOverflowError while it was ending, say).
                return f"query {query.name} ended: its thread is gone, though Spark calls it active"
        if failure := self.online.failure():
            return f"query online could not end a batch: {failure!r}"
        if not self.catch_up.is_alive():
            return f"catch-up ended: {self.catch_up.error!r}"
        return None


def _thread(query: StreamingQuery) -> Any:
    return query._jsq.streamingQuery().queryExecutionThread()


def build_pipeline(spark: SparkSession, settings: StreamingSettings) -> Pipeline:
    """Start every query, and the catch-up. The lake's tables must exist."""
    online = OnlineBatch(settings)
    files = StoredFiles(spark)
    for query in QUERY_VERSIONS:
        if aside := clear_killed_start(
            files, checkpoint(settings, query), query_checkpoint(files, settings, query)
        ):
            log.warning("query %s was killed before its first batch: what it left is now %s", query, aside)
    queries = [
        _start_lake(spark, settings),
        _start_online(spark, settings, online),
        _start_item_activity(spark, settings),
    ]
    catch_up = CatchUp(spark, settings, lambda: online.is_replaying)
    catch_up.start()
    return Pipeline(queries, online, catch_up)


def _start_lake(spark: SparkSession, settings: StreamingSettings) -> StreamingQuery:
    _own_pool(spark, "lake")
    start = starting_offsets(StoredFiles(spark), checkpoint(settings, "lake"))
    records = read_topics(spark, settings, settings.lake_max_events_per_trigger, start)
    batch = LakeBatch(settings, query_id=lambda: query.id)
    query = (
        records.writeStream.queryName("lake")
        .option("checkpointLocation", checkpoint(settings, "lake"))
        .trigger(processingTime=f"{settings.lake_trigger_seconds} seconds")
        .foreachBatch(batch.write)
        .start()
    )
    return query


def _start_online(spark: SparkSession, settings: StreamingSettings, batch: OnlineBatch) -> StreamingQuery:
    _own_pool(spark, "online")
    files = StoredFiles(spark)
    found = query_checkpoint(files, settings, "online")
    if found.committed == found.planned and found.sources:  # else Spark runs the newest batch again
        batch.resume(spark, next_offsets(found.sources[0]))
    start = starting_offsets(files, checkpoint(settings, "online"))
    records = read_topics(spark, settings, settings.online_max_events_per_trigger, start)
    reports = applied_records(records, settings, settings.fold_in)
    return (
        reports.writeStream.queryName("online")
        .option("checkpointLocation", checkpoint(settings, "online"))
        .options(**_LOGS_BESIDE)
        .trigger(processingTime=f"{settings.online_trigger_seconds} seconds")
        .foreachBatch(batch.write)
        .start()
    )


def _start_item_activity(spark: SparkSession, settings: StreamingSettings) -> StreamingQuery:
    _own_pool(spark, "item_activity")
    activity = hourly_activity(spark, settings)
    return write_activity(activity, settings, checkpoint(settings, "item_activity"))


def checkpoint(settings: StreamingSettings, query: str) -> str:
    """The folder of a query's checkpoint; it carries the query's version."""
    return f"{settings.checkpoints_uri.rstrip('/')}/{query}-v{QUERY_VERSIONS[query]}"


def query_checkpoint(files: StoredFiles, settings: StreamingSettings, query: str) -> Checkpoint:
    """What a query's checkpoint says. Raises BrokenCheckpointError."""
    return read_checkpoint(files, checkpoint(settings, query), is_sparse=query == _LOGGED_BESIDE)


def _own_pool(spark: SparkSession, query: str) -> None:
    # A pool of pools.xml: the online query's tasks go before the others'.
    spark.sparkContext.setLocalProperty("spark.scheduler.pool", query)
