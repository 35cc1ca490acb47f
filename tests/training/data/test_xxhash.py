from __future__ import annotations

import numpy as np
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812

from training.data.xxhash import xxhash64


def test_integers_hash_as_spark_hashes_them(spark: SparkSession) -> None:
    numbers = [0, 1, 2, -1, 42, 2**31 - 1, -(2**31), 123_456_789]
    frame = spark.createDataFrame([(a, b) for a in numbers for b in numbers], "a INT, b INT")
    rows = frame.select("a", "b", F.xxhash64("a"), F.xxhash64("a", "b", F.lit(7))).collect()
    first, second = (np.array([row[column] for row in rows]) for column in (0, 1))
    assert xxhash64(first).tolist() == [row[2] for row in rows]
    assert xxhash64(first, second, 7).tolist() == [row[3] for row in rows]
