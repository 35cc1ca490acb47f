"""The live query: Spark's real-time mode hands every record to a Python worker as it arrives.

A task reads one Kafka partition for minutes. Its worker applies what has arrived, folds the users in, and
stores the applied offsets in Redis beside the state. The query begins at those offsets; its own checkpoint is
not used.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.streaming.query import StreamingQuery

from clients.stored_files import StoredFiles
from contracts.settings import StreamingSettings
from contracts.stored.statuses import StreamingStatus
from contracts.topics import TopicOffsets
from streaming.online.arrivals import group_arrivals
from streaming.online.micro_batch import apply_micro_batch
from streaming.online.outcomes import Outcomes
from streaming.online.position import Position
from streaming.online.rows import online_rows, rows_of_json
from streaming.records.source import read_topics
from streaming.state.client import connect
from streaming.state.gate import writing
from streaming.state.status import write_status

_CONF = {
    # Spark sends a batch only when it is full, so a larger batch would wait for more records.
    # _with_nulls_behind says why a batch has two rows.
    "spark.sql.execution.arrow.maxRecordsPerBatch": "2",
    "spark.sql.execution.pandas.udf.buffer.size": "64",
    # Spark does not allow mapInArrow in this mode, because an iterator may hold rows back. Ours does not,
    # and records that a worker has not reported as applied are applied again.
    "spark.sql.streaming.realTimeMode.allowlistCheck": "false",
}
_NOTHING = "nothing BIGINT"  # mapInArrow must name what it returns
# With Kafka's default of half a second, the tasks of an idle topic poll ten times a second. Only the live
# query sets it: a query in batches asks for the partitions' ends on the same connection, and would wait as
# long.
_PATIENCE_MS = 5000
_MOST_RECORDS = 1000  # in a micro-batch
_ROW = "row"


def start_live(
    spark: SparkSession, settings: StreamingSettings, starts: TopicOffsets, epoch: int = 0
) -> StreamingQuery:
    """Start at these offsets, which Redis says are applied; ``epoch`` is that of the service's lease."""
    folder = f"{settings.checkpoints_uri.rstrip('/')}/live"
    StoredFiles(spark).delete(folder)
    session = spark.newSession()
    for name, value in _CONF.items():
        session.conf.set(name, value)
    records = read_topics(session, settings, starting_offsets=json.dumps(starts), patience_ms=_PATIENCE_MS)
    writer: Any = (
        _with_nulls_behind(_as_text(online_rows(records)))
        .mapInArrow(_task(settings, epoch), _NOTHING)
        .writeStream.queryName("online")
        .format("noop")
        .outputMode("update")
        .option("checkpointLocation", folder)
    )
    # PySpark's stubs do not know this trigger yet.
    query: StreamingQuery = writer.trigger(realTime=f"{settings.online_task_seconds} seconds").start()
    return query


def _as_text(rows: DataFrame) -> DataFrame:
    """Each row as JSON in a single column.

    A batch holds one row, so Arrow's cost is by column.
    """
    return rows.select(F.to_json(F.struct("*")).alias(_ROW))


def _with_nulls_behind(rows: DataFrame) -> DataFrame:
    """Each row followed by two nulls. Spark sends an Arrow batch only when it has seen the row after it.

    In batches of two rows, a null (n) follows each batch that holds a row (R): Rn|nR|nn|Rn|... So no row
    waits for the next record.
    """
    nothing = F.lit(None).cast("string")
    return rows.select(F.explode(F.array(_ROW, nothing, nothing)).alias(_ROW))


def _task(
    settings: StreamingSettings, epoch: int
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def apply(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        client = connect(settings.redis_url.get_secret_value())
        position, outcomes = Position(settings, epoch), Outcomes()
        texts = (text for batch in batches for text in batch.column(0).to_pylist() if text is not None)
        for arrived in group_arrivals(texts, settings.online_trigger_seconds, _MOST_RECORDS):
            started = time.monotonic()
            rows = rows_of_json(arrived)
            with writing(client, " ".join(sorted({row.partition for row in rows}))):
                apply_micro_batch(client, rows, position, settings, outcomes)
            write_status(client, StreamingStatus(online_batch_seconds=time.monotonic() - started))
        yield from ()

    return apply
