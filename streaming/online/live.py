"""The live query: Spark's real-time mode hands every record to a Python worker as it arrives.

A task reads one Kafka partition for minutes; its worker applies what has arrived, folds the users in, and
says how far it has come. Redis holds both the state and these offsets: the query begins at them, and its
own checkpoint is of no further use.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.streaming.query import StreamingQuery

from clients.offsets_without_records import has_no_record
from clients.stored_files import StoredFiles
from contracts import topics
from contracts.settings import StreamingSettings
from contracts.stored import keyspace
from contracts.stored.statuses import StreamingStatus
from streaming.online.micro_batches import micro_batches
from streaming.online.rows import (
    ActiveUsers,
    Applied,
    apply_rows,
    as_columns,
    fold_in_active,
    online_rows,
)
from streaming.online.touched_items import note_touched
from streaming.records.source import read_topics
from streaming.runtime.hold_points import STATE_WRITTEN, hold
from streaming.state.applied_offsets import Move, advance_applied, read_applied, write_applied
from streaming.state.client import StateClient, connect
from streaming.state.gate import writing
from streaming.state.status import write_status

_CONF = {
    # A batch that is full is sent: a larger one would wait for as many records. (Why two: see _followed.)
    "spark.sql.execution.arrow.maxRecordsPerBatch": "2",
    "spark.sql.execution.pandas.udf.buffer.size": "64",
    # Spark's list of operators for this mode lacks mapInArrow, since an iterator may hold rows back. Ours
    # does not, and what a worker has not said to be applied is applied again.
    "spark.sql.streaming.realTimeMode.allowlistCheck": "false",
}
_NOTHING = "nothing BIGINT"  # mapInArrow must name what it returns
_MOST_RECORDS = 1000  # in a micro-batch
_ROW = "row"


class StateWentBackError(RuntimeError):
    """Redis does not stand where this query has left it: it was restarted with an older state, or flushed."""


def start_live(
    spark: SparkSession, settings: StreamingSettings, starts: Mapping[str, Mapping[str, int]]
) -> StreamingQuery:
    """Start at these offsets (topic -> partition -> offset), which Redis says are applied."""
    folder = f"{settings.checkpoints_uri.rstrip('/')}/live"
    StoredFiles(spark).delete(folder)
    session = spark.newSession()
    for name, value in _CONF.items():
        session.conf.set(name, value)
    records = read_topics(session, settings, starting_offsets=json.dumps(starts))
    writer: Any = (
        _followed(_as_text(online_rows(records)))
        .mapInArrow(_task(settings), _NOTHING)
        .writeStream.queryName("online")
        .format("noop")
        .outputMode("update")
        .option("checkpointLocation", folder)
    )
    # PySpark's stubs do not know this trigger yet.
    query: StreamingQuery = writer.trigger(realTime=f"{settings.online_task_seconds} seconds").start()
    return query


def _as_text(rows: DataFrame) -> DataFrame:
    """Each row as JSON in one column: Arrow's price is by column, and a batch holds one row."""
    return rows.select(F.to_json(F.struct("*")).alias(_ROW))


def _followed(rows: DataFrame) -> DataFrame:
    """Each row and two nulls: Spark sends an Arrow batch only once it has seen the row after it.

    In batches of two, a null (n) stands behind each batch that holds a row: Rn|nR|nn|Rn|... No row waits
    for the next record.
    """
    nothing = F.lit(None).cast("string")
    return rows.select(F.explode(F.array(_ROW, nothing, nothing)).alias(_ROW))


def _task(
    settings: StreamingSettings,
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def apply(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        client, left_at = connect(settings.redis_url.get_secret_value()), dict[str, int]()
        texts = (text for batch in batches for text in batch.column(0).to_pylist() if text is not None)
        for batch_texts in micro_batches(texts, settings.online_trigger_seconds, _MOST_RECORDS):
            _apply(client, json.loads(f"[{','.join(batch_texts)}]"), left_at, settings)
        yield from ()

    return apply


def _apply(
    client: StateClient, rows: list[dict[str, Any]], left_at: dict[str, int], settings: StreamingSettings
) -> None:
    """Apply a micro-batch. ``left_at`` says where this task has left its partitions, and is moved on."""
    started, applied, users = time.monotonic(), Applied(), ActiveUsers()
    for row in rows:
        applied.add(row["source"], row["offset"], row["offset"] + 1, row["through"], 1)
    with writing(client, " ".join(sorted(applied.next))):
        stands = read_applied(client, keyspace.APPLIED_ONLINE)
        for source, first in applied.first.items():
            if not _is_where_left(source, first, stands.get(source), left_at.get(source), settings):
                raise _went_back(source, stands.get(source), left_at.get(source, first))
            left_at[source] = stands[source]
        events, items = apply_rows(client, as_columns(rows), settings)
        note_touched(client, items)
        users.add(events)
        if settings.fold_in and users.ids:
            offsets = topics.interaction_offsets({**stands, **applied.next})
            fold_in_active(client, users, offsets, settings)
        hold(STATE_WRITTEN)
        _advance(client, left_at, applied)
    seconds = time.monotonic() - started
    write_status(client, StreamingStatus(online_batch_seconds=seconds))


def _is_where_left(
    source: str, first: int, stands: int | None, left_at: int | None, settings: StreamingSettings
) -> bool:
    """Whether nothing is missing between where Redis stands and the first record of a micro-batch."""
    if stands is None:
        return False
    if left_at is None:  # the first of a task, which may begin behind offsets without a record
        bootstrap = settings.kafka_bootstrap_servers
        return first <= stands or has_no_record(bootstrap, source, stands, first)
    # Ahead: what holds no record was passed meanwhile (streaming/online/offsets_without_records.py).
    return stands == left_at or left_at < stands <= first


def _advance(client: StateClient, left_at: dict[str, int], applied: Applied) -> None:
    """Say how far the state has come, where it still is what was read before."""
    reached = {source: max(offset, left_at[source]) for source, offset in applied.next.items()}
    moves = {source: Move(left_at[source], offset) for source, offset in reached.items()}
    elsewhere = advance_applied(client, moves)
    if elsewhere is not None:
        stands = read_applied(client, keyspace.APPLIED_ONLINE).get(elsewhere)
        raise _went_back(elsewhere, stands, left_at[elsewhere])
    write_applied(client, keyspace.APPLIED_TIMES, dict.fromkeys(reached, applied.through))
    left_at.update(reached)


def _went_back(source: str, stands: int | None, left_at: int) -> StateWentBackError:
    return StateWentBackError(f"{source} was applied to {left_at}, Redis says {stands}")
