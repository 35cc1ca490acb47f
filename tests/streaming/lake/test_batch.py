from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest
from deltalake import DeltaTable
from pydantic import SecretStr
from pyspark.sql import DataFrame, SparkSession

from clients.stored_files import StoredFiles
from contracts import topics
from contracts.catalog import CatalogEntry
from contracts.events import Interaction
from contracts.exposures import Exposure, ShownItem, batch_of
from contracts.settings import StreamingSettings
from contracts.stored import lake
from streaming.lake import batch as lake_batch
from streaming.lake.batch import LakeBatch
from streaming.lake.sink import table_version
from streaming.lake.writer import LakeWriter, ReplacedWriterError
from tests.empty_lake import EmptyLake

ORIGIN = "topic string, partition int, offset bigint, timestamp timestamp, timestampType int"
NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
_MS = int(NOW.timestamp() * 1000)


def records(spark: SparkSession, batch: int, rows: int) -> DataFrame:
    """Rows in the form of Kafka's source: four partitions, each read by one task."""
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


def test_a_service_whose_lake_was_taken_over_appends_nothing(
    spark: SparkSession, empty_lake: EmptyLake, tmp_path: Path, redis_url: str
) -> None:
    uri = str(tmp_path)
    empty_lake(uri)
    settings = StreamingSettings(lake_uri=uri, redis_url=SecretStr(redis_url))
    first, second = (LakeWriter(StoredFiles(spark), uri) for _ in range(2))
    batch = LakeBatch(settings, lambda: "query", first.check)
    first.take_over()
    second.take_over()
    with pytest.raises(ReplacedWriterError):
        batch.write(records(spark, 0, 5), 0)
    assert table_version(spark, lake.INTERACTIONS.path(uri)) == 0


def test_a_batch_is_one_file_after_a_small_batch_and_several_after_a_large_one(
    spark: SparkSession,
    empty_lake: EmptyLake,
    tmp_path: Path,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uri, seen = str(tmp_path), set[str]()
    monkeypatch.setattr(lake_batch, "_ROWS_PER_TASK", 100)
    empty_lake(uri)
    batch = LakeBatch(StreamingSettings(lake_uri=uri, redis_url=SecretStr(redis_url)), lambda: "query")
    files = []
    for batch_id, rows in enumerate([40, 350, 60, 10]):
        batch.write(records(spark, batch_id, rows), batch_id)
        files.append(new_files(spark, uri, seen))
    # The first batch after a start may be a backlog, so all tasks read it.
    assert files == [4, 1, 4, 1]
    assert spark.read.format("delta").load(lake.INTERACTIONS.path(uri)).count() == 460


def exposure(user_id: str, at: int) -> bytes:
    items = (ShownItem(item_id="i", rank=1),)
    return Exposure(recommendation_id="r", user_id=user_id, items=items, event_time=at).to_json().encode()


def test_a_replayed_batch_adds_no_row_and_an_erasure_removes_earlier_rows_of_its_own_batch(
    spark: SparkSession,
    empty_lake: EmptyLake,
    tmp_path: Path,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uri, rejected = str(tmp_path), list[DataFrame]()
    monkeypatch.setattr(lake_batch, "write_rejected", lambda rows, _: rejected.append(rows))
    empty_lake(uri)
    viewed = Interaction(event_type="view", user_id="bob", item_id="i", event_time=_MS)
    tombstone = CatalogEntry(kind="erasure", id="ann", updated_at=_MS)
    values = [
        (
            topics.EXPOSURES.name,
            batch_of([exposure("ann", _MS), exposure("bob", _MS), exposure("ann", _MS + 1)]),
        ),
        (topics.EXPOSURES.name, batch_of([])),
        (topics.CATALOG.name, tombstone.to_json()),
        (topics.INTERACTIONS.name, viewed.to_json()),
    ]
    rows = [(None, value, topic, 0, n, NOW, 0) for n, (topic, value) in enumerate(values)]
    frame = spark.createDataFrame(rows, f"key binary, value binary, {ORIGIN}")
    # The second batch is a replay, as after a kill between Delta's commit and Spark's.
    for _ in range(2):
        batch = LakeBatch(StreamingSettings(lake_uri=uri, redis_url=SecretStr(redis_url)), lambda: "query")
        batch.write(frame, 0)
    in_lake = DeltaTable(lake.EXPOSURES.path(uri)).to_pyarrow_table().to_pylist()
    assert sorted((row["user_id"], row["kafka_offset"], row["kafka_place"]) for row in in_lake) == [
        ("ann", 0, 2),
        ("bob", 0, 1),
    ]
    for table in (lake.INTERACTIONS, lake.CATALOG):
        assert DeltaTable(table.path(uri)).to_pyarrow_table().num_rows == 1
    assert [[row["reason"] for row in rows.collect()] for rows in rejected if rows.count()] == [
        ["no exposures"],
        ["no exposures"],
    ]
