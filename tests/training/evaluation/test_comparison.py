from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pyspark.ml.evaluation import RegressionEvaluator
from pyspark.sql import SparkSession

from contracts.settings import TrainingSettings
from training.evaluation.comparison import (
    ServedModel,
    baseline_lists,
    evaluate,
    long_tail,
    model_lists,
    predict_ratings,
    rating_figures,
)
from training.evaluation.held_out import HeldOut, MeasurableUsers, MeasuredHistories
from training.evaluation.item_scores import ItemScores
from training.fit.als import ranking, rating, spark_als
from training.fit.factors import Matrix, matrix

USERS, ITEMS, K = 40, 24, 5
SETTINGS = TrainingSettings(als_rank=2, als_reg_param=0.1, als_alpha=5.0, explicit_reg_param=0.01)
# Items point one of two ways; a user likes those of the own kind.
ITEM_FACTORS = np.eye(2, dtype=np.float32)[np.arange(ITEMS) % 2]


def histories(rows: list[list[int]]) -> MeasuredHistories:
    items = np.array([item for row in rows for item in sorted(row)], np.int32)
    many = len(items)
    return MeasuredHistories(
        np.cumsum([0, *map(len, rows)]).astype(np.int64),
        items,
        np.ones(many),
        np.full(many, 5.0),
        np.full(many, True),
        np.zeros(many, np.int64),
    )


def world() -> tuple[HeldOut, ItemScores]:
    rng = np.random.default_rng(1)
    learnt, later = [], []
    for user in range(USERS):
        liked_items = rng.permutation(np.arange(user % 2, ITEMS, 2))
        learnt.append(liked_items[:6].tolist() if user > 2 else [])
        later.append(liked_items[6:10].tolist())
    past = histories(learnt)
    users = np.bincount(past.items, minlength=ITEMS)
    scores = ItemScores(users, users * 4.0, {60: users[::-1] * 1.0})
    return HeldOut(past, histories(later), MeasurableUsers(USERS, USERS, USERS - 3)), scores


def test_the_model_is_measured_beside_its_rivals_and_its_lists_are_filled_up_with_popular_items() -> None:
    held_out, scores = world()
    model = ServedModel(ITEM_FACTORS, ranking(SETTINGS))
    lists = model_lists({"model": model}, held_out, scores, K)
    lists |= baseline_lists(held_out, scores, 60, K, seed=1)
    assert set(lists) == {"model", "item_knn", "popularity", "recent_popularity", "random"}
    # A user without earlier events gets popular items.
    np.testing.assert_array_equal(lists["model"][:3], lists["popularity"][:3])
    assert (lists["model"] >= 0).all()
    found = evaluate(lists, held_out, scores, ITEM_FACTORS, K, seed=1)
    assert found.figures["model"][f"ndcg@{K}"].mean > found.figures["popularity"][f"ndcg@{K}"].mean
    assert len(found.ndcg["model"]) == len(found.ndcg["random"]) == USERS
    assert {"cold users", "light users", "head items", "tail items"} <= set(found.segments)


def test_an_item_that_the_model_does_not_know_is_in_no_list_of_it() -> None:
    held_out, _ = world()
    factors = ITEM_FACTORS.copy()
    factors[:4] = 0
    lists = ServedModel(factors, ranking(SETTINGS)).lists(held_out.past, K)
    assert not np.isin(lists, np.arange(4)).any()
    assert (lists[:3] == -1).all()


def figures_of(
    items: Matrix, held_out: HeldOut, settings: TrainingSettings = SETTINGS
) -> dict[str, float | None]:
    problem = rating(settings)
    ratings, predicted = predict_ratings(ServedModel(items, problem), held_out)
    return rating_figures(ratings, predicted, problem.cold_start_strategy)


def test_ratings_are_predicted_and_those_without_a_prediction_are_counted() -> None:
    held_out, _ = world()
    found = figures_of(ITEM_FACTORS, held_out)
    assert found["ratings_predicted"] == pytest.approx(1 - 3 / USERS, abs=1e-6)
    assert found["rmse"] is not None
    assert found["rmse"] < 0.3
    assert figures_of(np.zeros_like(ITEM_FACTORS), held_out) == {}


def test_a_rating_that_cannot_be_predicted_is_left_out_or_spoils_every_figure() -> None:
    held_out, _ = world()
    drop = figures_of(ITEM_FACTORS, held_out)
    nan_settings = SETTINGS.model_copy(update={"cold_start_strategy": "nan"})
    nan = figures_of(ITEM_FACTORS, held_out, nan_settings)
    assert [nan[name] for name in ("rmse", "mae", "r2")] == [None, None, None]
    assert None not in drop.values()
    assert nan["ratings_predicted"] == drop["ratings_predicted"]
    # Where every rating can be predicted, the two agree.
    known = replace(held_out, later=held_out.later.where(held_out.later.owners() > 2))
    for settings in (SETTINGS, nan_settings):
        assert figures_of(ITEM_FACTORS, known, settings)["rmse"] == drop["rmse"]


@pytest.mark.parametrize("strategy", ["nan", "drop"])
def test_predictions_for_unknown_users_and_items_equal_those_of_sparks_model(
    spark: SparkSession, strategy: str
) -> None:
    rng = np.random.default_rng(3)
    settings = TrainingSettings(explicit_rank=2, explicit_reg_param=0.1, cold_start_strategy=strategy)
    ddl = "user_index INT, item_index INT, rating FLOAT, strength FLOAT"
    rows = [(u, i, float(rng.integers(1, 6)), 1.0) for u in range(8) for i in range(7) if (u + i) % 3]
    learnt = spark.createDataFrame(rows, ddl)
    # User 8 and item 7 come with the held-out ratings.
    later = [(u, i, float(rng.integers(1, 6)), 1.0) for u in range(9) for i in range(8) if (u + i) % 3 == 0]
    problem = rating(settings)
    model = spark_als(learnt, problem, blocks=1, seed=1)
    predictions = model.transform(spark.createDataFrame(later, ddl))
    assert predictions.count() == len(
        [row for row in later if strategy == "nan" or (row[0] < 8 and row[1] < 7)]
    )
    judge = RegressionEvaluator(labelCol="rating", predictionCol="prediction")
    expected = {name: judge.setMetricName(name).evaluate(predictions) for name in ("rmse", "mae", "r2")}

    held_out = HeldOut(histories_of(rows, 9), histories_of(later, 9), MeasurableUsers(9, 9, 8))
    found = figures_of(matrix(model.itemFactors, 8, 2), held_out, settings)
    for name, value in expected.items():
        if strategy == "nan":
            assert np.isnan(value)
            assert found[name] is None
        else:
            assert found[name] == pytest.approx(value, rel=1e-4)


def histories_of(rows: list[tuple[int, int, float, float]], users: int) -> MeasuredHistories:
    counts = np.bincount([row[0] for row in rows], minlength=users)
    return MeasuredHistories(
        indptr=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        items=np.array([row[1] for row in rows], np.int32),
        strengths=np.ones(len(rows)),
        ratings=np.array([row[2] for row in rows]),
        liked=np.full(len(rows), True),
        times=np.zeros(len(rows), np.int64),
    )


def test_the_long_tail_is_cumulative_from_the_most_popular() -> None:
    curve = long_tail(np.array([6, 3, 1, 0]), np.array([[0, 1], [0, -1]], np.int32), points=3)
    assert curve == {"interactions": [0.0, 0.6, 0.9, 1.0], "lists": [0.0, 0.6667, 1.0, 1.0]}
