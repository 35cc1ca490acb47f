"""Merges the lake's small files and deletes old ones, in the process that writes the tables."""

from __future__ import annotations

import logging
import time

from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from contracts.settings import StreamingSettings
from contracts.stored import lake
from streaming.lake.activity import recompute

log = logging.getLogger("headwater.maintenance")


class Maintenance:
    """Maintenance between two batches of the lake query, so that a table has one writer at a time."""

    def __init__(self, settings: StreamingSettings) -> None:
        self._settings = settings
        self._last = time.monotonic()
        self._late_seen = 0

    def run_if_due(self, spark: SparkSession) -> None:
        """Compact and vacuum every MAINTENANCE_EVERY_SECONDS; recompute activity that came late."""
        if time.monotonic() - self._last < self._settings.maintenance_every_seconds:
            return
        self._last = time.monotonic()
        for table in lake.TABLES:
            compact(spark, table.path(self._settings.lake_uri), self._settings.vacuum_retention_hours)
        self._recompute_late(spark)

    def _recompute_late(self, spark: SparkSession) -> None:
        activity = [query for query in spark.streams.active if query.name == "item_activity"]
        late, watermark = late_rows(activity[0]) if activity else (0, None)
        if late > self._late_seen and watermark:
            log.warning("%d interactions came after the watermark: their hours are computed again", late)
            recompute(spark, self._settings, _hour(watermark))
            self._late_seen = late


def compact(spark: SparkSession, path: str, retention_hours: int) -> None:
    """Merge small files and delete those that no version within the retention needs."""
    spark.sql(f"OPTIMIZE delta.`{path}`").collect()
    spark.sql(f"VACUUM delta.`{path}` RETAIN {retention_hours} HOURS").collect()


def late_rows(query: StreamingQuery) -> tuple[int, str | None]:
    """How many rows the watermark has dropped, in the progress that Spark remembers, and the newest
    watermark."""
    dropped, watermark = 0, None
    for progress in query.recentProgress:
        dropped += sum(int(state["numRowsDroppedByWatermark"]) for state in progress["stateOperators"])
        watermark = progress["eventTime"].get("watermark", watermark)
    return dropped, watermark


def _hour(moment: str) -> str:
    return moment[:13] + ":00:00"
