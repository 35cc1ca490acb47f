from __future__ import annotations

import numpy as np
import pytest

from contracts.settings import TrainingSettings
from training.evaluation.comparison import ServedModel, all_lists, evaluate, long_tail, rating_figures
from training.evaluation.held_out import HeldOut, MeasurableUsers, MeasuredHistories
from training.evaluation.item_scores import ItemScores
from training.fit.als import ranking, rating

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
        own = rng.permutation(np.arange(user % 2, ITEMS, 2))
        learnt.append(own[:6].tolist() if user > 2 else [])
        later.append(own[6:10].tolist())
    past = histories(learnt)
    users = np.bincount(past.items, minlength=ITEMS)
    scores = ItemScores(users, users * 4.0, {60: users[::-1] * 1.0})
    return HeldOut(past, histories(later), MeasurableUsers(USERS, USERS, USERS - 3)), scores


def test_the_model_is_measured_beside_its_rivals_and_fills_up_with_popularity() -> None:
    held_out, scores = world()
    model = ServedModel(ITEM_FACTORS, ranking(SETTINGS))
    lists = all_lists({"model": model}, held_out, scores, 60, K, seed=1)
    assert set(lists) == {"model", "item_knn", "popularity", "recent_popularity", "random"}
    # Who has no past is served what is popular.
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
    lists = ServedModel(factors, ranking(SETTINGS)).lists(held_out.learnt, K)
    assert not np.isin(lists, np.arange(4)).any()
    assert (lists[:3] == -1).all()


def test_ratings_are_predicted_and_what_cannot_be_is_counted() -> None:
    held_out, _ = world()
    found = rating_figures(ServedModel(ITEM_FACTORS, rating(SETTINGS)), held_out)
    assert found["ratings_predicted"] == pytest.approx(1 - 3 / USERS, abs=1e-6)
    assert found["rmse"] is not None
    assert found["rmse"] < 0.3
    nothing = ServedModel(np.zeros_like(ITEM_FACTORS), rating(SETTINGS))
    assert rating_figures(nothing, held_out) == {}


def test_the_long_tail_is_cumulative_from_the_most_popular() -> None:
    curve = long_tail(np.array([6, 3, 1, 0]), np.array([[0, 1], [0, -1]], np.int32), points=3)
    assert curve == {"interactions": [0.0, 0.6, 0.9, 1.0], "lists": [0.0, 0.6667, 1.0, 1.0]}
