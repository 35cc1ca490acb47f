from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from contracts.stored import lake
from streaming.lake import sink as lake_sink
from streaming.lake.maintenance import compact
from streaming.lake.sink import LostBatchError, append, committed_batch, create_tables
from tests.empty_lake import EmptyLake

HOUR = datetime(2026, 1, 1, tzinfo=timezone.utc)


def activity(spark: SparkSession, item: str) -> DataFrame:
    return spark.createDataFrame([(HOUR, item, 1, 1, 4.0)], lake.ITEM_ACTIVITY.ddl)


def items(spark: SparkSession, lake_uri: str) -> list[str]:
    rows = spark.read.format("delta").load(lake.ITEM_ACTIVITY.path(lake_uri)).collect()
    return sorted(row.item_id for row in rows)


def test_a_batch_that_is_written_twice_is_in_the_table_once(spark: SparkSession, tmp_path: Path) -> None:
    uri = str(tmp_path)
    create_tables(spark, uri)
    create_tables(spark, uri)
    for _ in range(2):
        append(activity(spark, "x"), lake.ITEM_ACTIVITY, uri, "query-1", 0)
    append(activity(spark, "y"), lake.ITEM_ACTIVITY, uri, "query-1", 1)
    assert items(spark, uri) == ["x", "y"]
    path = lake.ITEM_ACTIVITY.path(uri)
    assert committed_batch(spark, path, "query-1:item_activity") == 1
    assert committed_batch(spark, path, "another") == -1
    # A batch without rows is logged as well, because checkpoint_faults compares the log with the checkpoint.
    append(activity(spark, "z").limit(0), lake.ITEM_ACTIVITY, uri, "query-1", 2)
    assert committed_batch(spark, path, "query-1:item_activity") == 2


def test_batches_of_a_new_checkpoint_do_not_count_as_repetitions_of_old_ones(
    spark: SparkSession, empty_lake: EmptyLake, tmp_path: Path
) -> None:
    uri = str(tmp_path)
    empty_lake(uri)
    append(activity(spark, "x"), lake.ITEM_ACTIVITY, uri, "query-1", 5)
    append(activity(spark, "y"), lake.ITEM_ACTIVITY, uri, "query-2", 0)
    assert items(spark, uri) == ["x", "y"]


def test_an_acknowledged_batch_that_is_not_in_the_log_raises_an_alarm(
    spark: SparkSession, empty_lake: EmptyLake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty_lake(str(tmp_path))
    append(activity(spark, "x"), lake.ITEM_ACTIVITY, str(tmp_path), "query-1", 0)
    # Delta takes the second batch for a replay and makes no version, while the log lacks it in this test.
    monkeypatch.setattr(lake_sink, "committed_batch", lambda *_: -1)
    with pytest.raises(LostBatchError, match="not in the table's log"):
        append(activity(spark, "x"), lake.ITEM_ACTIVITY, str(tmp_path), "query-1", 0)


def test_compaction_gives_one_file_with_every_row(
    spark: SparkSession, empty_lake: EmptyLake, tmp_path: Path
) -> None:
    uri = str(tmp_path)
    empty_lake(uri)
    for batch in range(4):
        append(activity(spark, f"i{batch}"), lake.ITEM_ACTIVITY, uri, "query-1", batch)
    path = lake.ITEM_ACTIVITY.path(uri)
    compact(spark, path, retention_hours=168)
    assert items(spark, uri) == ["i0", "i1", "i2", "i3"]
    assert len(spark.read.format("delta").load(path).inputFiles()) == 1
