from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

from pyspark.sql import Row, SparkSession

from contracts.settings import StreamingSettings
from contracts.stored import lake
from streaming.lake.activity import aggregate, hourly_activity, recompute, write_activity
from streaming.lake.maintenance import late_rows
from streaming.lake.sink import append
from tests.empty_lake import EmptyLake

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def interaction(n: int, user: str, item: str, minutes: float, value: float = 4.0) -> Row:
    moment = START + timedelta(minutes=minutes)
    event_id = f"{n:08x}-0000-4000-8000-000000000000"
    return Row(event_id, "rating", user, item, value, moment, 1, None, None, 0, n, moment)


def by_hour(rows: list[Row]) -> list[tuple[int, str, int, int, float]]:
    return sorted(
        (int((row.hour.replace(tzinfo=timezone.utc) - START).total_seconds() // 3600), *row[1:])
        for row in rows
    )


def test_the_activity_of_an_item_in_an_hour_has_its_events_and_users_and_values(spark: SparkSession) -> None:
    given = [
        interaction(0, "a", "x", 1),
        interaction(1, "a", "x", 2, 2.0),
        interaction(2, "b", "x", 59),
        interaction(3, "b", "x", 60),
        interaction(4, "b", "y", 60),
    ]
    rows = aggregate(spark.createDataFrame(given, lake.INTERACTIONS.ddl)).collect()
    assert by_hour(rows) == [(0, "x", 3, 2, 10.0), (1, "x", 1, 1, 4.0), (1, "y", 1, 1, 4.0)]


def test_late_interactions_are_counted_and_a_recomputation_includes_them(
    spark: SparkSession, empty_lake: EmptyLake, tmp_path: Path
) -> None:
    settings = StreamingSettings(
        lake_uri=str(tmp_path / "lake"), activity_trigger_seconds=0.1, activity_watermark="2 hours"
    )
    empty_lake(settings.lake_uri)
    path = lake.ITEM_ACTIVITY.path(settings.lake_uri)
    query = write_activity(hourly_activity(spark, settings), settings, str(tmp_path / "checkpoint"))
    batches = [
        [interaction(0, "a", "x", 1), interaction(1, "b", "x", 5 * 60)],
        [interaction(2, "c", "x", 2), interaction(3, "b", "y", 10 * 60)],  # hour 0 is closed by now
    ]
    try:
        for number, batch in enumerate(batches):
            frame = spark.createDataFrame(batch, lake.INTERACTIONS.ddl)
            append(frame, lake.INTERACTIONS, settings.lake_uri, "test", number)
            query.processAllAvailable()
        dropped, watermark = late_rows(query)
    finally:
        query.stop()
    assert dropped == 1
    assert watermark is not None
    emitted = by_hour(spark.read.format("delta").load(path).collect())
    assert emitted == [(0, "x", 1, 1, 4.0), (5, "x", 1, 1, 4.0)]
    recompute(spark, settings, (START + timedelta(hours=6)).isoformat()[:19])
    put_right = by_hour(spark.read.format("delta").load(path).collect())
    assert put_right == [(0, "x", 2, 2, 8.0), (5, "x", 1, 1, 4.0)]
