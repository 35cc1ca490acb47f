from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone
from pathlib import Path

from pyspark.sql import Row, SparkSession

from contracts import lake
from contracts.settings import TrainingSettings
from training.dataset import last_writers, newest_version, preferences, read_interactions

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def interaction(
    n: int, user: str, item: str, value: float = 4.0, event_type: str = "rating", second: int = 0
) -> Row:
    moment = START + timedelta(seconds=second)
    event_id = f"{n:08x}-0000-4000-8000-000000000000"
    return Row(event_id, event_type, user, item, value, moment, 1, None, None, 0, n, START)


def test_the_last_writer_per_user_item_and_type_counts_in_any_order(spark: SparkSession) -> None:
    given = [
        interaction(1, "a", "x", 2.0, second=1),
        interaction(2, "a", "x", 5.0, second=3),
        interaction(3, "a", "x", 1.0, second=2),
        interaction(4, "a", "x", 3.0, second=3),  # same time: the greater event id wins
        interaction(5, "a", "x", 1.0, "view", second=9),
        interaction(4, "a", "x", 3.0, second=3),  # delivered twice
    ]
    random.Random(7).shuffle(given)
    rows = last_writers(spark.createDataFrame(given, lake.INTERACTIONS.ddl)).collect()
    assert {(row.event_type, row.value) for row in rows} == {("rating", 3.0), ("view", 1.0)}


def test_ratings_become_graded_strengths_with_dislikes_below_zero(spark: SparkSession) -> None:
    values = [0.5, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0]
    given = [interaction(n, "a", str(n), value) for n, value in enumerate(values)]
    settings = TrainingSettings(rating_strengths={0.0: -0.5, 3.0: 0.3, 4.0: 1.0, 5.0: 2.0})
    writers = last_writers(spark.createDataFrame(given, lake.INTERACTIONS.ddl))
    rows = {row.item_id: row for row in preferences(writers, settings).collect()}
    strengths = [round(rows[str(n)].strength, 3) for n in range(len(values))]
    assert strengths == [-0.5, -0.5, 0.3, 0.3, 1.0, 1.0, 2.0]
    assert [rows[str(n)].positive for n in range(len(values))] == [value >= 4 for value in values]


def test_other_types_add_their_weights_and_a_dislike_is_never_a_positive(spark: SparkSession) -> None:
    given = [
        interaction(1, "a", "x", 1.0, "view"),
        interaction(2, "a", "x", 1.0, "purchase"),
        interaction(3, "a", "y", 1.0, "like"),
        interaction(4, "a", "y", 1.0, "dislike"),
    ]
    writers = last_writers(spark.createDataFrame(given, lake.INTERACTIONS.ddl))
    rows = {row.item_id: row for row in preferences(writers, TrainingSettings()).collect()}
    assert (rows["x"].strength, rows["x"].positive, rows["x"].rating) == (6.0, True, None)
    assert (rows["y"].strength, rows["y"].positive) == (3.0, False)


def test_a_pinned_version_does_not_see_what_came_later(spark: SparkSession, tmp_path: Path) -> None:
    uri = str(tmp_path)
    assert newest_version(spark, uri) is None
    for n in range(2):
        frame = spark.createDataFrame([interaction(n, "a", str(n))], lake.INTERACTIONS.ddl)
        frame.write.format("delta").mode("append").save(lake.INTERACTIONS.path(uri))
    assert newest_version(spark, uri) == 1
    assert read_interactions(spark, uri, 0).count() == 1
    assert read_interactions(spark, uri, 1).count() == 2
