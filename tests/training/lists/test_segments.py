from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from pyspark.sql import SparkSession

from contracts.stored import lake
from training.lists.segments import members, segment_lists

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


def test_segments_like_what_enough_of_their_users_like(spark: SparkSession, tmp_path: Path) -> None:
    assert members(spark, str(tmp_path), ("gender",)) is None  # no table yet
    about = [("user", f"u{n}", {"gender": "F" if n < 3 else "M", "age": "24"}, 1) for n in range(5)]
    about += [("user", "u4", {"gender": "F"}, 2), ("item", "u0", {"gender": "X"}, 9), ("user", "u5", {}, 1)]
    rows = [(kind, name, None, [], attributes, at, 0, 0, NOW) for kind, name, attributes, at in about]
    spark.createDataFrame(rows, lake.CATALOG.ddl).write.format("delta").save(lake.CATALOG.path(str(tmp_path)))
    assert members(spark, str(tmp_path), ()) is None

    of_users = members(spark, str(tmp_path), ("gender", "age"))
    assert of_users is not None
    found = sorted((row.user_id, row.segment) for row in of_users.collect())
    assert ("u4", "gender=F") in found  # the newest metadata
    assert [segment for user, segment in found if user == "u0"] == [
        "age=18-24",
        "gender=F",
        "gender=F & age=18-24",
    ]
    assert {user for user, _ in found} == {f"u{n}" for n in range(5)}

    users = spark.createDataFrame([(f"u{n}", n) for n in range(6)], "user_id STRING, user_index INT")
    liked = [(0, 7), (1, 7), (2, 7), (3, 7), (0, 8), (1, 8), (0, 9), (4, 8)]
    pairs = [(user, item, True) for user, item in liked] + [(1, 9, False), (2, 9, False)]
    preferences = spark.createDataFrame(pairs, "user_index INT, item_index INT, positive BOOLEAN")
    lists = segment_lists(of_users, users, preferences, n=2, k=3)
    assert {row.segment: (list(row.columns), list(row.scores)) for row in lists.collect()} == {
        "gender=F": ([7, 8], [3.0, 3.0]),
        "age=18-24": ([7], [4.0]),
        "gender=F & age=18-24": ([7], [3.0]),
    }
