from __future__ import annotations

from pyspark.sql import SparkSession

from contracts.settings import TrainingSettings
from training.fit import fit_ranking, with_positives

DDL = "user_index INT, item_index INT, strength FLOAT"


def test_a_world_smaller_than_the_rank_with_users_who_like_nothing_is_fitted(spark: SparkSession) -> None:
    rows = [(user, item, 1.0 if user < 3 and item != 4 else -0.5) for user in range(5) for item in range(5)]
    settings = TrainingSettings(als_rank=16, als_reg_param=0.01, spark_shuffle_partitions=2)
    model = fit_ranking(spark.createDataFrame(rows, DDL), settings)
    assert sorted(row.id for row in model.userFactors.collect()) == [0, 1, 2]
    assert sorted(row.id for row in model.itemFactors.collect()) == [0, 1, 2, 3]


def test_leaving_out_who_likes_nothing_keeps_every_other_row(spark: SparkSession) -> None:
    rows = [(0, 0, 1.0), (0, 1, -0.5), (1, 0, -0.5), (2, 1, 2.0), (2, 0, -0.5), (3, 9, -1.0)]
    kept = with_positives(spark.createDataFrame(rows, DDL)).collect()
    assert sorted((r.user_index, r.item_index) for r in kept) == [(0, 0), (0, 1), (2, 0), (2, 1)]


def test_fifty_iterations_do_not_overflow_the_stack(spark: SparkSession) -> None:
    rows = [(user, item, 1.0) for user in range(8) for item in range(8) if user % 2 == item % 2]
    settings = TrainingSettings(als_rank=2, als_max_iter=50, spark_shuffle_partitions=2)
    assert fit_ranking(spark.createDataFrame(rows, DDL), settings).userFactors.count() == 8
