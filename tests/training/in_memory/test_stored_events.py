from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import Row, SparkSession

from contracts.stored import lake
from tests.training.data.test_dataset import interaction
from tests.training.in_memory.worlds import random_rows
from training.data import dataset
from training.in_memory.events import Events, read_events
from training.in_memory.stored_events import EventsOfFiles, EventsOfSpark, unread_events
from training.runtime.failures import explain

_PLACES = {
    name: place for place, name in enumerate(("event_id", "event_type", "user_id", "item_id", "value"))
}
_TIME = 5


def _unusable() -> list[Row]:
    """Rows that no round learns from, each for one reason; and one from before 1970, which is usable."""
    sound = tuple(interaction(1, "u00", "i0", 4.0, "rating", 7))

    def with_value(place: int, value: object) -> Row:
        return Row(*sound[:place], value, *sound[place + 1 :])

    missing = [with_value(place, None) for place in (*_PLACES.values(), _TIME)]
    odd = [with_value(_PLACES["value"], value) for value in (float("nan"), float("inf"), -float("inf"))]
    old = datetime(1969, 12, 31, tzinfo=timezone.utc) + timedelta(microseconds=1500)
    return [*missing, *odd, with_value(_PLACES["event_type"], "wink"), with_value(_TIME, old)]


def _append(spark: SparkSession, uri: str, rows: list[Row]) -> None:
    frame = spark.createDataFrame(rows, lake.INTERACTIONS.ddl)
    frame.write.format("delta").mode("append").save(lake.INTERACTIONS.path(uri))


def _assert_equal(found: Events, expected: Events) -> None:
    for name, values in vars(expected).items():
        if isinstance(values, np.ndarray):
            np.testing.assert_array_equal(getattr(found, name), values)
        else:
            assert getattr(found, name).to_pylist() == values.to_pylist()


def test_files_give_the_events_that_spark_reads_from_each_version_and_other_features_are_left_to_spark(
    spark: SparkSession, tmp_path: Path
) -> None:
    uri = str(tmp_path)
    _append(spark, uri, random_rows(1))
    _append(spark, uri, [*random_rows(2, users=9), *_unusable()])
    for version in (0, 1):
        of_files = unread_events(spark, uri, version)
        assert isinstance(of_files, EventsOfFiles)
        interactions = dataset.read_interactions(spark, uri, version)
        assert of_files.count() == interactions.count()
        _assert_equal(of_files.read(), read_events(interactions))
    assert of_files.read().times.min() == -86_399_999

    table = f"delta.`{lake.INTERACTIONS.path(uri)}`"
    for version, change in (
        (2, "SET TBLPROPERTIES ('delta.columnMapping.mode' = 'name')"),
        (3, "RENAME COLUMN session_id TO session"),
        (4, "SET TBLPROPERTIES ('delta.enableDeletionVectors' = true)"),
    ):
        spark.sql(f"ALTER TABLE {table} {change}")
        assert isinstance(unread_events(spark, uri, version), EventsOfSpark)


def test_files_in_partitions_with_both_forms_of_times_behind_a_checkpoint_are_read_as_by_spark(
    spark: SparkSession, tmp_path: Path
) -> None:
    uri, path = str(tmp_path), lake.INTERACTIONS.path(str(tmp_path))
    far = Row(*interaction(1, "u00", "i0", 4.0, "rating", 7))
    far = Row(*far[:_TIME], datetime(9990, 1, 1, tzinfo=timezone.utc), *far[_TIME + 1 :])
    setting = "spark.sql.parquet.outputTimestampType"
    before = spark.conf.get(setting)
    try:
        for number, form in enumerate(("INT96", "TIMESTAMP_MICROS")):
            spark.conf.set(setting, form)
            rows = [*random_rows(number, users=3), *_unusable(), far]
            frame = spark.createDataFrame(rows, lake.INTERACTIONS.ddl).coalesce(1)
            frame.write.format("delta").mode("append").partitionBy("event_type").option(
                "delta.checkpointInterval", "1"
            ).save(path)
    finally:
        spark.conf.set(setting, before)
    log = Path(path) / "_delta_log"
    assert (log / f"{1:020}.checkpoint.parquet").exists()
    (log / f"{0:020}.json").unlink()
    of_files = unread_events(spark, uri, 1)
    assert isinstance(of_files, EventsOfFiles)
    interactions = dataset.read_interactions(spark, uri, 1)
    assert of_files.count() == interactions.count()
    _assert_equal(of_files.read(), read_events(interactions))


def test_files_that_are_damaged_or_gone_are_told_with_the_cure(spark: SparkSession, tmp_path: Path) -> None:
    uri = str(tmp_path)
    _append(spark, uri, random_rows(1))
    file = max(Path(lake.INTERACTIONS.path(uri)).glob("*.parquet"), key=lambda path: path.stat().st_size)
    sound = file.read_bytes()
    flipped = bytearray(sound)
    flipped[len(sound) // 8] ^= 0xFF  # in the data of a page

    def tell() -> str:
        with pytest.raises(Exception, match=r"\w") as failure:
            unread_events(spark, uri, 0).read()
        return str(explain(failure.value))

    for damaged in (bytes(flipped), sound[: len(sound) // 2], b""):
        file.write_bytes(damaged)
        assert tell().startswith("A file of the lake or of a model is damaged")
    file.unlink()
    assert tell().startswith("Files of the pinned lake version are gone")
    file.write_bytes(sound)
    (Path(lake.INTERACTIONS.path(uri)) / "_delta_log" / f"{0:020}.json").unlink()
    assert tell().startswith("Files of the pinned lake version are gone")
