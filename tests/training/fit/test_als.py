from __future__ import annotations

import numpy as np
from pyspark.sql import SparkSession

from contracts.settings import TrainingSettings
from training.fit.als import full_fit, ranking, training_rows, with_positives

DDL = "user_index INT, item_index INT, strength FLOAT, rating FLOAT"


def test_fewer_users_than_the_rank_and_users_without_likes_are_fitted(spark: SparkSession) -> None:
    rows = [
        (user, item, 1.0 if user < 3 and item != 4 else -0.5, None) for user in range(5) for item in range(5)
    ]
    fit = full_fit(spark.createDataFrame(rows, DDL), ranking(TrainingSettings(als_rank=16)), 5, 2, seed=1)
    assert sorted(row.id for row in fit.users.collect()) == [0, 1, 2]
    assert np.flatnonzero(fit.items.any(axis=1)).tolist() == [0, 1, 2, 3]
    fit.release()


def test_leaving_out_users_without_likes_changes_no_other_row(spark: SparkSession) -> None:
    rows = [(0, 0, 1.0), (0, 1, -0.5), (1, 0, -0.5), (2, 1, 2.0), (2, 0, -0.5), (3, 9, -1.0)]
    frame = spark.createDataFrame([(*row, None) for row in rows], DDL)
    kept = with_positives(frame).collect()
    assert sorted((r.user_index, r.item_index) for r in kept) == [(0, 0), (0, 1), (2, 0), (2, 1)]
    columns = training_rows(frame, ranking(TrainingSettings())).columns
    assert set(columns) == {"user_index", "item_index", "strength"}


def test_fifty_iterations_do_not_overflow_the_stack(spark: SparkSession) -> None:
    rows = [(user, item, 1.0, None) for user in range(8) for item in range(8) if user % 2 == item % 2]
    settings = TrainingSettings(als_rank=2, als_max_iter=50)
    fit = full_fit(spark.createDataFrame(rows, DDL), ranking(settings), 8, 1, seed=1)
    assert fit.users.count() == 8
    fit.release()
