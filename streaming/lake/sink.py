"""Appends a micro-batch to the lake's Delta tables. Guarantee: exactly once per checkpoint.

The transaction id of an append is (query id of the checkpoint, batch id), so Delta skips a replayed batch. A
new checkpoint has a new query id, so its batches are never mistaken for old ones.
"""

from __future__ import annotations

from typing import Any

from pyspark.sql import DataFrame, SparkSession

from contracts.stored import lake
from contracts.stored.lake import TABLES, Table

# Readers select files by these columns; statistics of all others would be computed in vain.
_INDEXED = ("event_time", "hour", "ingest_time", "kafka_partition", "kafka_offset")


class LostBatchError(RuntimeError):
    """Delta acknowledged an append that is not in its log."""


def create_tables(spark: SparkSession, lake_uri: str) -> None:
    """Create the lake's tables that do not exist yet, and add new columns to those of an older version."""
    for table in TABLES:
        path = table.path(lake_uri)
        if table_version(spark, path) >= 0:
            _add_columns(spark, table, path)
            continue
        indexed = [name for name in _INDEXED if f"{name} " in table.ddl]
        spark.sql(
            f"CREATE TABLE IF NOT EXISTS delta.`{path}` ({table.ddl}) USING delta "
            f"TBLPROPERTIES ('delta.dataSkippingStatsColumns' = '{','.join(indexed)}')"
        )


def _add_columns(spark: SparkSession, table: Table, path: str) -> None:
    known = set(_snapshot(spark, path).schema().fieldNames())
    wanted = spark.createDataFrame([], table.ddl).schema
    new = [f"{field.name} {field.dataType.simpleString()}" for field in wanted if field.name not in known]
    if new:
        spark.sql(f"ALTER TABLE delta.`{path}` ADD COLUMNS ({', '.join(new)})")


def _snapshot(spark: SparkSession, path: str) -> Any:
    assert spark._jvm is not None
    log = spark._jvm.org.apache.spark.sql.delta.DeltaLog.forTable(spark._jsparkSession, path)
    return log.unsafeVolatileSnapshot()


def committed_batch(spark: SparkSession, path: str, app_id: str) -> int:
    """The last batch from this writer in the table's log; -1 if there is none."""
    found = _snapshot(spark, path).transactions().get(app_id)
    return int(found.get()) if found.isDefined() else -1


def writers(spark: SparkSession, path: str) -> dict[str, int]:
    """The last batch of each writer that the table's log names, by the writer's id."""
    assert spark._jvm is not None
    found = _snapshot(spark, path).transactions()
    entries = spark._jvm.scala.jdk.javaapi.CollectionConverters.asJava(found)
    return {str(writer): int(batch) for writer, batch in dict(entries).items()}


def table_version(spark: SparkSession, path: str) -> int:
    """The newest version of a table's log."""
    return int(_snapshot(spark, path).version())


def table_property(spark: SparkSession, path: str, name: str) -> str | None:
    """A property of a table; None where it is not set."""
    found = _snapshot(spark, path).metadata().configuration().get(name)
    return str(found.get()) if found.isDefined() else None


def is_empty(spark: SparkSession, path: str) -> bool:
    """Whether a table has no file and thus no row."""
    return int(_snapshot(spark, path).numOfFiles()) == 0


def holds_nothing(spark: SparkSession, lake_uri: str) -> bool:
    """Whether the lake has no row from any topic."""
    return all(is_empty(spark, table.path(lake_uri)) for table in (lake.INTERACTIONS, lake.CATALOG))


def append_more(rows: DataFrame, table: Table, lake_uri: str) -> None:
    """Append rows; a repeated call appends them again. Raises LostBatchError if the log shows no new
    version."""
    path, spark = table.path(lake_uri), rows.sparkSession
    before = table_version(spark, path)
    rows.write.format("delta").mode("append").save(path)
    if table_version(spark, path) == before:
        raise LostBatchError(f"rows of {table.name} were acknowledged but are not in the table's log")


def append(rows: DataFrame, table: Table, lake_uri: str, query_id: str, batch_id: int) -> None:
    """Append rows once, however often the batch is tried.

    Raises LostBatchError when the log does not show the batch afterwards.
    """
    app_id, path, spark = f"{query_id}:{table.name}", table.path(lake_uri), rows.sparkSession
    before = table_version(spark, path)
    (
        rows.write.format("delta")
        .mode("append")
        .option("txnAppId", app_id)
        .option("txnVersion", batch_id)
        .save(path)
    )
    # A new version must be this batch, as a table has one writer. Reading its transactions would take a job.
    if table_version(spark, path) == before and committed_batch(spark, path, app_id) < batch_id:
        raise LostBatchError(
            f"batch {batch_id} of {table.name} was acknowledged but is not in the table's log: "
            "stop, and see 'A batch is missing from the lake' in docs/operations.md"
        )
