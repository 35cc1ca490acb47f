"""One micro-batch of the lake query: accepted rows to Delta, rejected ones to their topic."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from contracts import topics
from contracts.settings import StreamingSettings
from contracts.stored import lake
from contracts.stored.statuses import StreamingStatus
from streaming.lake.erasure import LakeErasures
from streaming.lake.maintenance import Maintenance
from streaming.lake.rejected_topic import write_rejected
from streaming.lake.retention import LakeRetention
from streaming.lake.sink import append, committed_batch
from streaming.records.exposures import accepted_exposures, is_exposure, parse_exposures
from streaming.records.parse import (
    accepted_entries,
    accepted_interactions,
    parse,
    parse_interactions,
    rejected_records,
)
from streaming.records.source import decode
from streaming.runtime.hold_points import LAKE_COMMITTED, hold
from streaming.state.client import RedisError, connect_briefly
from streaming.state.retention import read_bound
from streaming.state.status import report

log = logging.getLogger("headwater.lake")
# Few rows are not worth another task and file, and a task takes a core from the online query.
_ROWS_PER_TASK = 50_000


class LakeBatch:
    """Writes batches in order. ``query_id`` is called at the first batch, when the query has its id.

    ``check_writer`` raises an error if this service may no longer write to the lake
    (streaming/lake/writer.py).
    """

    def __init__(
        self,
        settings: StreamingSettings,
        query_id: Callable[[], str],
        check_writer: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings, self._query_id, self._check_writer = settings, query_id, check_writer
        self._maintenance = Maintenance(settings)
        self._erasures = LakeErasures(settings.lake_uri)
        self._retention = LakeRetention(settings.lake_uri)
        # The figures of the previous batch, since the next one has about the same size. Only the first batch
        # after a start, which has no previous one, may be a replay.
        self._rows_before: int | None = None

    def write(self, records: DataFrame, batch_id: int) -> None:
        """The foreachBatch function. Raises ReplacedWriterError where another service writes by now."""
        started = time.monotonic()
        self._check_writer()
        may_be_replay = self._rows_before is None
        self._move_bound(records.sparkSession, may_be_replay)
        if self._settings.schema_registry_url:
            records = decode(records, self._settings)
        if self._rows_before is not None:
            # A batch that is larger than the previous one takes longer, but only that one.
            records = records.coalesce(1 + self._rows_before // _ROWS_PER_TASK)
        counts = self._append_interactions(records, batch_id)
        self._rows_before = sum(counts.values())
        hold(LAKE_COMMITTED)
        # The batch is read a second time for other rows only if the first reading found some.
        if counts["exposures"]:
            # Appended before this batch's tombstones, which delete older rows.
            refused = self._append_exposures(records, batch_id, may_be_replay)
            if refused:
                log.warning("batch %d: %d records of exposures rejected", batch_id, refused)
                write_rejected(rejected_records(parse_exposures(records)), self._settings)
        others = records.filter(~is_exposure())
        if counts["entries"]:
            entries = accepted_entries(parse(others))
            self._erasures.erase(entries)
            append(entries, lake.CATALOG, self._settings.lake_uri, self._query_id(), batch_id)
        if counts["entries"] or counts["rejected"]:
            write_rejected(rejected_records(parse(others)), self._settings)
        self._report(counts, batch_id, time.monotonic() - started)
        self._maintenance.run_if_due(records.sparkSession)

    def _move_bound(self, spark: SparkSession, is_first: bool) -> None:
        """Delete what EVENTS_KEEP_DAYS no longer keeps. Without an answer of Redis the bound stays."""
        if is_first:
            self._retention.load(spark)
        try:
            bound = read_bound(connect_briefly(self._settings.redis_url.get_secret_value()))
        except RedisError:
            return
        self._retention.move(spark, bound)

    def _append_interactions(self, records: DataFrame, batch_id: int) -> dict[str, int]:
        settings, query_id, spark = self._settings, self._query_id(), records.sparkSession
        table = lake.INTERACTIONS
        path = table.path(settings.lake_uri)
        may_be_replay = self._rows_before is None
        if may_be_replay:
            self._erasures.load(spark)
        if may_be_replay and committed_batch(spark, path, f"{query_id}:{table.name}") >= batch_id:
            # A replay: Delta has the rows, but the steps after them may be missing.
            log.warning("batch %d replayed after a restart: the table already holds it", batch_id)
            rows = accepted_interactions(parse_interactions(records))
            return _counts(records.agg(*_read()).collect()[0].asDict(), rows.count())
        # Counted before and after the filter; a cached frame in between would keep every column of every row.
        read, written = Observation(f"read-{batch_id}"), Observation(f"written-{batch_id}")
        rows = accepted_interactions(parse_interactions(records.observe(read, *_read())))
        too_old = F.count_if(self._retention.is_older()).alias("too_old")
        kept = self._without_forgotten(rows.observe(written, _rows(), too_old))
        append(kept, table, settings.lake_uri, query_id, batch_id)
        if written.get["too_old"]:
            log.warning(
                "batch %d: %d events are older than EVENTS_KEEP_DAYS keeps, and count nowhere",
                batch_id,
                written.get["too_old"],
            )
        return _counts(read.get, written.get["rows"])

    def _append_exposures(self, records: DataFrame, batch_id: int, may_be_replay: bool) -> int:
        """Append what was shown. Returns how many records are rejected, each with all its exposures."""
        settings, query_id, table = self._settings, self._query_id(), lake.EXPOSURES
        parsed, refused = parse_exposures(records), F.count_if(F.col("reason").isNotNull()).alias("refused")
        path = table.path(settings.lake_uri)
        if may_be_replay:
            in_table = committed_batch(records.sparkSession, path, f"{query_id}:{table.name}")
            if in_table >= batch_id:
                return int(parsed.agg(refused).collect()[0]["refused"])
        seen = Observation(f"exposures-{batch_id}")
        rows = accepted_exposures(parsed.observe(seen, refused))
        append(self._without_forgotten(rows), table, settings.lake_uri, query_id, batch_id)
        return int(seen.get["refused"])

    def _without_forgotten(self, rows: DataFrame) -> DataFrame:
        return self._retention.without_older(self._erasures.without_erased(rows))

    def _report(self, counts: dict[str, int], batch_id: int, seconds: float) -> None:
        status = StreamingStatus(lake_batch=batch_id, lake_batch_seconds=seconds)
        report(self._settings.redis_url.get_secret_value(), status)
        log.info(
            "batch %d: %d accepted, %d rejected, %d catalogue entries, %d records of exposures in %.2f s",
            batch_id,
            counts["accepted"],
            counts["rejected"],
            counts["entries"],
            counts["exposures"],
            seconds,
        )


def _rows() -> Column:
    return F.count(F.lit(1)).alias("rows")


def _read() -> list[Column]:
    return [
        _rows(),
        F.count_if(F.col("topic") == topics.CATALOG.name).alias("entries"),
        F.count_if(is_exposure()).alias("exposures"),
    ]


def _counts(read: dict[str, Any], accepted: int) -> dict[str, int]:
    """The counts of a batch. Rejected catalogue entries and exposures count among their kind, not as
    rejected."""
    entries, exposures = int(read["entries"]), int(read["exposures"])
    rejected = int(read["rows"]) - entries - exposures - accepted
    return {"accepted": accepted, "entries": entries, "exposures": exposures, "rejected": rejected}
