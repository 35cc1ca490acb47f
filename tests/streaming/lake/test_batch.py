from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest
from pydantic import SecretStr
from pyspark.sql import DataFrame, SparkSession

from contracts import topics
from contracts.events import Interaction
from contracts.settings import StreamingSettings
from contracts.stored import lake
from streaming.lake import batch as lake_batch
from streaming.lake.batch import LakeBatch
from streaming.lake.sink import create_tables

ORIGIN = "topic string, partition int, offset bigint, timestamp timestamp, timestampType int"
NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
_MS = int(NOW.timestamp() * 1000)


def records(spark: SparkSession, batch: int, rows: int) -> DataFrame:
    """As Kafka's source gives them: of four partitions, each read by a task of its own."""
    values = [
        Interaction(event_type="view", user_id=f"u{n}", item_id="i", event_time=_MS).to_json()
        for n in range(rows)
    ]
    origin = [
        (None, v, topics.INTERACTIONS.name, n % 4, 1000 * batch + n, NOW, 0) for n, v in enumerate(values)
    ]
    frame = spark.createDataFrame(origin, f"key binary, value binary, {ORIGIN}").repartition(
        4, "partition", "offset"
    )
    assert frame.rdd.getNumPartitions() == 4
    return frame


def new_files(spark: SparkSession, uri: str, seen: set[str]) -> int:
    files = set(spark.read.format("delta").load(lake.INTERACTIONS.path(uri)).inputFiles())
    new = files - seen
    seen |= files
    return len(new)


def test_a_batch_after_a_small_one_is_one_file_and_after_a_large_one_several(
    spark: SparkSession, tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri, seen = str(tmp_path), set[str]()
    monkeypatch.setattr(lake_batch, "_ROWS_PER_TASK", 100)
    create_tables(spark, uri)
    batch = LakeBatch(StreamingSettings(lake_uri=uri, redis_url=SecretStr(redis_url)), lambda: "query")
    files = []
    for batch_id, rows in enumerate([40, 350, 60, 10]):
        batch.write(records(spark, batch_id, rows), batch_id)
        files.append(new_files(spark, uri, seen))
    # The first batch after a start may be a backlog: it is read by all.
    assert files == [4, 1, 4, 1]
    assert spark.read.format("delta").load(lake.INTERACTIONS.path(uri)).count() == 460
