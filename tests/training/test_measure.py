from __future__ import annotations

from datetime import datetime, timezone

import numpy as np
import pytest
from pyspark.sql import Row, SparkSession

from contracts.settings import TrainingSettings
from training.fit import fit_ranking, fit_rating
from training.measure import popularity, ranking_metrics, rating_metrics

DDL = "user_index INT, item_index INT, strength FLOAT, rating FLOAT, positive BOOLEAN, event_time TIMESTAMP"
NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
SIDE = 8


def liked(user: int, item: int, rating: float = 5.0) -> Row:
    return Row(user, item, 1.0, rating, rating >= 4, NOW)


def checkerboard() -> tuple[list[Row], list[Row]]:
    """Users like the items of their own parity; the one beside the diagonal is held out."""
    train, test = [], []
    for user in range(SIDE):
        for item in range(SIDE):
            if user % 2 == item % 2:
                (test if item == (user + 2) % SIDE else train).append(liked(user, item))
    return train, test


def test_the_held_out_square_of_a_checkerboard_is_found_first(spark: SparkSession) -> None:
    train, test = (spark.createDataFrame(rows, DDL) for rows in checkerboard())
    settings = TrainingSettings(als_rank=4, als_alpha=10, als_reg_param=0.01, spark_shuffle_partitions=2)
    figures = ranking_metrics(fit_ranking(train, settings), train, test, SIDE, k=1)
    assert figures["precision@1"] == figures["recall@1"] == figures["ndcg@1"] == 1.0
    assert figures["popularity_precision@1"] < 1.0
    assert figures["users_measured"] == SIDE


def test_popularity_is_the_sum_of_ratings_and_of_weights(spark: SparkSession) -> None:
    rows = [liked(0, 0, 4.0), liked(1, 0, 2.0), Row(0, 2, 3.0, None, True, NOW)]
    found = popularity(spark.createDataFrame(rows, DDL), 3)
    np.testing.assert_array_equal(found, [[6.0], [0.0], [3.0]])


def test_ratings_are_predicted_and_what_cannot_be_is_counted(spark: SparkSession) -> None:
    rows = [liked(user, item, 1.0 + (user * item) % 5) for user in range(SIDE) for item in range(SIDE)]
    ratings = spark.createDataFrame(rows, DDL)
    settings = TrainingSettings(explicit_rank=6, explicit_reg_param=0.01, spark_shuffle_partitions=2)
    model = fit_rating(ratings, settings)
    figures = rating_metrics(model, spark.createDataFrame([*rows, liked(99, 0)], DDL))
    assert figures["rmse"] < 0.5
    assert figures["mae"] <= figures["rmse"]
    assert figures["r2"] > 0.8
    assert figures["ratings_predicted"] == pytest.approx(64 / 65, abs=1e-6)
    assert rating_metrics(model, spark.createDataFrame([liked(99, 99)], DDL)) == {}


def test_fifty_iterations_do_not_overflow_the_stack(spark: SparkSession) -> None:
    ratings = spark.createDataFrame(checkerboard()[0], DDL)
    settings = TrainingSettings(als_rank=2, als_max_iter=50, spark_shuffle_partitions=2)
    assert fit_ranking(ratings, settings).userFactors.count() == SIDE
