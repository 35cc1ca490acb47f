from __future__ import annotations

import random

import pytest
from pyspark.sql import SparkSession

from training.data.dense_ids import appended_ids, dense_ids, with_indexes


@pytest.mark.parametrize("size", [0, 1, 2, 500])
def test_indexes_are_dense_and_in_the_order_of_the_ids(spark: SparkSession, size: int) -> None:
    ids = [f"u{n}" for n in range(size)] + ["é", "日本"][: size and 2]
    for seed in (1, 2):
        shuffled = ids * 2
        random.Random(seed).shuffle(shuffled)
        frame = spark.createDataFrame([(one,) for one in shuffled], "user_id STRING").repartition(3)
        found = {row.user_id: row.user_index for row in dense_ids(frame, "user_id", "user_index").collect()}
        assert found == {one: index for index, one in enumerate(sorted(ids, key=str.encode))}


def test_every_preference_gets_the_indexes_of_its_user_and_item(spark: SparkSession) -> None:
    rows = spark.createDataFrame([("b", "y"), ("a", "y"), ("a", "x")], "user_id STRING, item_id STRING")
    users, items = dense_ids(rows, "user_id", "user_index"), dense_ids(rows, "item_id", "item_index")
    found = with_indexes(rows, users, items).collect()
    assert sorted((r.user_id, r.user_index, r.item_id, r.item_index) for r in found) == [
        ("a", 0, "x", 0),
        ("a", 0, "y", 1),
        ("b", 1, "y", 1),
    ]


def test_ids_of_the_version_before_keep_their_indexes_unless_one_is_gone(spark: SparkSession) -> None:
    rows = spark.createDataFrame([("c",), ("a",), ("b",), ("a",)], "item_id STRING")
    first = spark.createDataFrame([("b", 0), ("c", 1)], "item_id STRING, item_index INT")
    found = appended_ids(rows, "item_id", "item_index", first)
    assert found.dtypes == [("item_id", "string"), ("item_index", "int")]
    assert {row.item_id: row.item_index for row in found.collect()} == {"b": 0, "c": 1, "a": 2}
    gone = spark.createDataFrame([("b", 0), ("d", 1)], "item_id STRING, item_index INT")
    anew = appended_ids(rows, "item_id", "item_index", gone)
    assert {row.item_id: row.item_index for row in anew.collect()} == {"a": 0, "b": 1, "c": 2}
