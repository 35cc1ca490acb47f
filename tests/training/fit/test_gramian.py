from __future__ import annotations

import numpy as np
import pytest
from pyspark.sql import SparkSession

from training.fit.gramian import gramian


@pytest.mark.parametrize("rows", [0, 1, 50])
def test_the_gramian_over_partitions_equals_that_of_all_rows(spark: SparkSession, rows: int) -> None:
    factors = np.random.default_rng(3).normal(size=(rows, 4)).astype(np.float32)
    given = [(place, row.tolist()) for place, row in enumerate(factors)]
    frame = spark.createDataFrame(given, "id INT, features ARRAY<FLOAT>").repartition(3)
    whole = factors.astype(np.float64)
    np.testing.assert_allclose(gramian(frame, 4), whole.T @ whole, rtol=1e-12)
