from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pyspark.sql import SparkSession

from training.fit.factors import factors_frame
from training.lists.items import SIMILAR_ITEMS, similar_items, top_users
from training.registry.model_folder import ModelFrames

IDS = "item_id STRING, item_index INT"


def frames_of(spark: SparkSession, items: NDArray[np.float32], users: NDArray[np.float32]) -> ModelFrames:
    user_ids = [(f"u{n}", n) for n in range(len(users))]
    return ModelFrames(
        users=spark.createDataFrame(user_ids, "user_id STRING, user_index INT"),
        items=spark.createDataFrame([(f"i{n}", n) for n in range(len(items))], IDS),
        user_factors=factors_frame(spark, users),
        item_factors=factors_frame(spark, items),
    )


def neighbours(spark: SparkSession, items: NDArray[np.float32]) -> dict[int, Any]:
    frames = frames_of(spark, items, np.ones((1, items.shape[1]), np.float32))
    return {int(row.item_id[1:]): row for row in similar_items(frames, items).collect()}


def test_neighbours_are_ordered_by_cosine_and_never_hold_the_item_itself(spark: SparkSession) -> None:
    rng = np.random.default_rng(5)
    factors = rng.standard_normal((200, 8)).astype(np.float32)
    directions = factors / np.linalg.norm(factors, axis=1, keepdims=True)
    cosines = directions @ directions.T
    np.fill_diagonal(cosines, -np.inf)
    found = neighbours(spark, factors)
    assert set(found) == set(range(200))
    indexes = np.array([found[item]["columns"] for item in range(200)])
    scores = np.array([found[item].scores for item in range(200)])
    assert indexes.shape == (200, SIMILAR_ITEMS)
    assert (indexes[:, :5] == np.argsort(-cosines, axis=1)[:, :5]).all()
    assert np.allclose(scores, -np.sort(-cosines, axis=1)[:, :SIMILAR_ITEMS], atol=1e-5)


def test_in_a_large_catalogue_an_index_finds_nearly_the_same_neighbours(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(5)
    centres = rng.standard_normal((20, 8))
    factors = (centres[rng.integers(0, 20, 600)] + 0.5 * rng.standard_normal((600, 8))).astype(np.float32)
    factors[7] = 0
    exact = neighbours(spark, factors)
    monkeypatch.setattr("training.lists.items.LARGE", 100)
    found = neighbours(spark, factors)
    assert set(found) == set(exact) == set(range(600)) - {7}
    shared = [len(set(found[item]["columns"]) & set(exact[item]["columns"])) for item in exact]
    assert sum(shared) >= 0.98 * SIMILAR_ITEMS * len(exact)
    assert not any(item in row["columns"] for item, row in found.items())
    assert found[3].scores[0] == pytest.approx(exact[3].scores[0], abs=1e-5)


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_items_without_factors_have_no_neighbours_and_are_no_neighbours(
    spark: SparkSession, scale: float
) -> None:
    rng = np.random.default_rng(7)
    factors = (rng.standard_normal((12, 3)) * scale * (rng.random((12, 1)) < 0.6)).astype(np.float32)
    # Two items of one direction: rounding may put their cosine above 1.
    factors[0] = factors[1] = np.float32(scale) * np.array([0.1, 0.2, 0.3], np.float32)
    present = {item for item in range(12) if factors[item].any()}
    assert 2 < len(present) < 12
    found = neighbours(spark, factors)
    assert set(found) == present
    for item, row in found.items():
        assert sorted(row["columns"]) == sorted(present - {item})
        assert not np.isnan(row.scores).any()
        assert max(row.scores) <= 1


def test_the_best_users_of_an_item_have_the_highest_scores_and_do_not_know_it(spark: SparkSession) -> None:
    items = np.array([[1, 0], [0, 1]], np.float32)
    users = np.array([[3, 0], [2, 1], [1, 2], [0, 0]], np.float32)
    frames = frames_of(spark, items, users)
    preferences = spark.createDataFrame([(0, 0)], "user_index INT, item_index INT")
    found = {row.item_id: row for row in top_users(frames, preferences, len(users), 2).collect()}
    assert found["i0"].user_ids == ["u1", "u2"]
    assert found["i0"].scores == [2.0, 1.0]
    assert found["i1"].user_ids == ["u2", "u1", "u0"]
