"""The dataflow on one screen.

Kafka interactions, catalog ─┬─ lake    (seconds): parse ─► Delta interactions, catalog; rejects ─► Kafka
      exposures ─────────────┤                      ├─ Delta exposures: what was shown to whom
                             │                      ├─ outcomes (a minute): what counted in the live figures
                             │                      └─ item_activity (a minute): hourly, watermarked
                             └─ online  (live):    parse ─► Redis histories, popularity, trends, catalogue
                                                   └─ fold in its users ─► fresh lists; applied offsets
                                catch-up: who could not be folded in at once, or by the newest model
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import NamedTuple

from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from clients.stored_files import StoredFiles
from clients.topic_admin import topic_ends
from contracts import topics
from contracts.settings import StreamingSettings
from streaming.fold_in.catch_up import CatchUp
from streaming.lake.activity import hourly_activity, write_activity
from streaming.lake.batch import LakeBatch
from streaming.lake.outcomes import take_outcomes
from streaming.lake.writer import LakeWriter
from streaming.online.driver import Online
from streaming.records.source import read_topics
from streaming.recovery.checkpoint import clear_killed_start, read_checkpoint, starting_offsets
from streaming.recovery.retention import apply_retention
from streaming.runtime.batch_errors import with_short_errors
from streaming.runtime.checkpoint_folders import QUERY_VERSIONS, checkpoint
from streaming.runtime.query_end import end_reason
from streaming.runtime.quiet_stop import stop_after_batch
from streaming.runtime.repeated_work import RepeatedWork

log = logging.getLogger("headwater.streaming")
_LAST_BATCH_SECONDS = 5.0  # a service that is asked to stop has at least ten seconds until it is killed
_ONLINE_ALONE_SECONDS = 30.0  # the longest time before the lake query starts beside it
_LOOK_SECONDS = 0.1
_RETENTION_SECONDS = 60.0


class Pipeline(NamedTuple):
    """The running parts. Each ends only by an error or when it is stopped."""

    queries: list[StreamingQuery]
    online: Online
    catch_up: CatchUp
    repeated: list[RepeatedWork]

    def stop(self, spark: SparkSession) -> None:
        """Stop every part. Each may finish its present batch, if that ends soon."""
        self.catch_up.stop()
        for each in self.repeated:
            each.stop()
        self.online.stop()
        stop_after_batch(spark, self.queries, _LAST_BATCH_SECONDS)
        self.online.join()
        self.catch_up.join()
        for each in self.repeated:
            each.join(_LAST_BATCH_SECONDS)

    def end_reason(self) -> str | None:
        """Which part has ended by itself, and why; None while all run."""
        for query in self.queries:
            if reason := end_reason(query):
                return reason
        if not self.online.is_alive():
            return f"online ended: {self.online.error!r}"
        if not self.catch_up.is_alive():
            return f"catch-up ended: {self.catch_up.error!r}"
        return None


def build_pipeline(
    spark: SparkSession,
    settings: StreamingSettings,
    epoch: Callable[[], int] = lambda: 0,
    before_lake: Callable[[Online], bool] = lambda online: True,
) -> Pipeline:
    """Start every query, and the catch-up.

    ``epoch`` is that of the service's lease, 0 where it has none. ``before_lake`` is called after the start
    of the online query and returns whether the others are to start; the lake's tables must exist then. What
    it raises ends the online query.
    """
    online = Online(spark, settings, epoch)
    online.start()
    try:
        queries = _start_queries(spark, settings) if before_lake(online) else []
    except BaseException:
        online.stop()
        online.join()
        raise
    catch_up = CatchUp(spark, settings, lambda: online.is_replaying)
    catch_up.start()
    repeated = _work_beside(spark, settings)
    for each in repeated:
        each.start()
    return Pipeline(queries, online, catch_up, repeated)


def _work_beside(spark: SparkSession, settings: StreamingSettings) -> list[RepeatedWork]:
    return [
        RepeatedWork(
            "outcomes",
            spark,
            lambda: take_outcomes(spark, settings),
            settings.outcomes_every_seconds,
            "the outcomes of events wait in Redis for the lake",
        ),
        RepeatedWork(
            "retention",
            spark,
            lambda: apply_retention(spark, settings),
            _RETENTION_SECONDS,
            "events before the bound of EVENTS_KEEP_DAYS are still in the state",
        ),
    ]


def _start_queries(spark: SparkSession, settings: StreamingSettings) -> list[StreamingQuery]:
    files = StoredFiles(spark)
    for query in QUERY_VERSIONS:
        if aside := clear_killed_start(
            files, checkpoint(settings, query), read_checkpoint(files, checkpoint(settings, query))
        ):
            log.warning("query %s was killed before its first batch: what it left is now %s", query, aside)
    return [_start_lake(spark, settings), _start_item_activity(spark, settings)]


def let_online_catch_up(
    online: Online, wait: Callable[[float], bool], clock: Callable[[], float] = time.monotonic
) -> bool:
    """After a crash the lists come first: the lake's first batch would take half of the cores from them.

    Returns True when the online query has caught up or ended, or after 30 seconds; False when ``wait``, which
    waits for some seconds, says that the service is to stop.
    """
    deadline = clock() + _ONLINE_ALONE_SECONDS
    while online.is_catching_up and online.is_alive() and clock() < deadline:
        if wait(_LOOK_SECONDS):
            return False
    return True


def _start_lake(spark: SparkSession, settings: StreamingSettings) -> StreamingQuery:
    _own_pool(spark, "lake")
    start = starting_offsets(
        StoredFiles(spark),
        checkpoint(settings, "lake"),
        lambda: topic_ends(settings, topics=topics.LAKE_SOURCES),
    )
    most = settings.lake_max_events_per_trigger
    # A registry may get schemas meanwhile, so each batch is decoded by itself.
    decoded = not settings.schema_registry_url
    records = read_topics(spark, settings, most, start, names=topics.LAKE_SOURCES, decoded=decoded)
    writer = LakeWriter(StoredFiles(spark), settings.lake_uri)
    writer.take_over()
    batch = LakeBatch(settings, query_id=lambda: query.id, check_writer=writer.check)
    query = (
        records.writeStream.queryName("lake")
        .option("checkpointLocation", checkpoint(settings, "lake"))
        .trigger(processingTime=f"{settings.lake_trigger_seconds} seconds")
        .foreachBatch(with_short_errors(batch.write))
        .start()
    )
    return query


def _start_item_activity(spark: SparkSession, settings: StreamingSettings) -> StreamingQuery:
    _own_pool(spark, "item_activity")
    activity = hourly_activity(spark, settings)
    return write_activity(activity, settings, checkpoint(settings, "item_activity"))


def _own_pool(spark: SparkSession, query: str) -> None:
    # A pool of pools.xml: the online query's tasks go before the others'.
    spark.sparkContext.setLocalProperty("spark.scheduler.pool", query)
