"""Fold-in gives the same user factors that Spark's ALS computes for its item factors."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from pyspark.sql import SparkSession

from benchmarks.studies.fold_in_parity import parity
from contracts.settings import TrainingSettings
from ingest.simulated.source import SyntheticWorld, WorldSize


@pytest.fixture(scope="module")
def ratings() -> sp.csr_matrix:
    users, items, values, _ = SyntheticWorld(WorldSize(users=80, items=120, ratings=3000)).history()
    return sp.csr_matrix((values, (users, items)), (80, 120))


@pytest.mark.parametrize(
    ("nonnegative", "tolerance"),
    [(False, 1e-5), (True, 1e-3)],  # Spark's own nonnegative solver stops early
)
def test_the_factors_of_every_user_equal_those_of_spark(
    spark: SparkSession, ratings: sp.csr_matrix, nonnegative: bool, tolerance: float
) -> None:
    settings = TrainingSettings(
        als_nonnegative=nonnegative, als_max_iter=3, explicit_max_iter=3, spark_shuffle_partitions=2
    )
    differences = parity(spark, ratings, settings)
    assert set(differences) == {"implicit", "explicit"}
    assert np.array(list(differences.values())).max() < tolerance, differences
