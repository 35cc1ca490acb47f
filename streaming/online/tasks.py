"""Applies many records to Redis on the executors, in Arrow batches: those of a backlog, or of the lake.

The steps are those of `streaming/online/micro_batch.py`. The caller stores the offsets when all tasks have
ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame

from contracts.settings import StreamingSettings
from contracts.topics import interaction_offsets
from streaming.fold_in.active_users import ActiveUsers, fold_in_active
from streaming.online.micro_batch import apply_rows
from streaming.online.progress import BatchProgress
from streaming.online.rows import kept_rows, lake_rows, online_rows, rows_of_batch
from streaming.online.touched_items import merge_touched
from streaming.state.client import connect
from streaming.state.retention import read_bound

# A task reports how far it came in each partition.
_NUMBERS = ("first_offset", "next_offset", "through", "records")
_REPORT = pa.schema([("partition", pa.string()), *((name, pa.int64()) for name in _NUMBERS)])
_REPORT_DDL = ", ".join(["partition STRING", *(f"{name} BIGINT" for name in _NUMBERS)])


def apply_records(records: DataFrame, settings: StreamingSettings, fold_in: bool) -> BatchProgress:
    """Apply records of the topics in ONLINE_TASKS tasks. Returns how far they reach."""
    few = records.coalesce(settings.online_tasks)
    return _run(online_rows(few).mapInArrow(_task(settings, fold_in), _REPORT_DDL), settings)


def apply_lake(interactions: DataFrame, entries: DataFrame, settings: StreamingSettings) -> BatchProgress:
    """Apply rows of the lake's tables. Returns how far they reach."""
    rows = lake_rows(interactions, entries)
    return _run(rows.mapInArrow(_task(settings, fold_in=False), _REPORT_DDL), settings)


def _run(reports: DataFrame, settings: StreamingSettings) -> BatchProgress:
    """Run the tasks, then merge the touched items over all shards."""
    progress = BatchProgress()
    for report in reports.collect():
        progress.add(**report.asDict())
    merge_touched(connect(settings.redis_url.get_secret_value()), settings)
    return progress


def _task(
    settings: StreamingSettings, fold_in: bool
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def apply(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        client = connect(settings.redis_url.get_secret_value())
        progress, users, kept_since = BatchProgress(), ActiveUsers(), read_bound(client)
        for batch in batches:
            users.add(apply_rows(client, kept_rows(rows_of_batch(batch), kept_since), settings))
            _count(progress, batch)
        if fold_in and users.ids:
            fold_in_active(client, users, interaction_offsets(progress.next), settings)
        yield _report(progress)

    return apply


def _count(progress: BatchProgress, batch: pa.RecordBatch) -> None:
    figures = [("offset", "min"), ("offset", "max"), ("through", "max"), ("offset", "count")]
    for group in pa.Table.from_batches([batch]).group_by("partition").aggregate(figures).to_pylist():
        progress.add(
            partition=group["partition"],
            first_offset=group["offset_min"],
            next_offset=group["offset_max"] + 1,
            through=group["through_max"],
            records=group["offset_count"],
        )


def _report(progress: BatchProgress) -> pa.RecordBatch:
    rows: list[dict[str, Any]] = [
        {
            "partition": partition,
            "first_offset": progress.first[partition],
            "next_offset": offset,
            "through": progress.through,
            "records": 0,
        }
        for partition, offset in progress.next.items()
    ]
    if rows:  # the first row counts all records of the task
        rows[0]["records"] = progress.records
    return pa.RecordBatch.from_pylist(rows, schema=_REPORT)
