from __future__ import annotations

from pathlib import Path

from pyspark.sql import SparkSession

from clients.storage.lake_tables import kept_since
from contracts.stored import lake
from streaming.lake.retention import LakeRetention
from streaming.lake.sink import append
from tests.empty_lake import EmptyLake
from tests.streaming.lake.test_erasure import interactions, users


def test_rows_from_before_the_bound_are_deleted_and_come_no_more(
    spark: SparkSession, empty_lake: EmptyLake, tmp_path: Path
) -> None:
    uri = str(tmp_path)
    assert kept_since(uri) == 0
    empty_lake(uri)
    append(interactions(spark, [("ann", 1000), ("ann", 1999), ("bob", 2000)]), lake.INTERACTIONS, uri, "q", 0)
    at_work = LakeRetention(uri)
    at_work.load(spark)
    late = interactions(spark, [("ann", 1999), ("ann", 2000)])
    assert at_work.without_older(late) is late
    at_work.move(spark, 2000)
    assert users(uri) == [("bob", 2000)]
    assert kept_since(uri) == 2000
    append(at_work.without_older(late), lake.INTERACTIONS, uri, "q", 1)
    assert users(uri) == [("ann", 2000), ("bob", 2000)]

    after_a_restart = LakeRetention(uri)
    after_a_restart.load(spark)
    after_a_restart.move(spark, 1000)  # never back
    assert after_a_restart.kept_since == kept_since(uri) == 2000
