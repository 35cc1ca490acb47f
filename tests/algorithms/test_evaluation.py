"""The figures equal those of an independent script and of scikit-learn."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from algorithms.evaluation import head_items, measure, segments
from algorithms.list_metrics import Catalogue
from algorithms.metrics import Lists, Positives, average_precision_at_k, mae, ndcg_at_k, r2, rmse

USERS, ITEMS, K = 60, 40, 10
RNG = np.random.default_rng(9)
SCORES = RNG.random((USERS, ITEMS))
TRUTH = RNG.random((USERS, ITEMS)) < 0.15
LISTS: Lists = np.argsort(-SCORES, axis=1).astype(np.int32)
POSITIVES = Positives(
    np.concatenate([[0], np.cumsum(TRUTH.sum(axis=1))]).astype(np.int64),
    np.nonzero(TRUTH)[1].astype(np.int32),
)
CATALOGUE = Catalogue(np.arange(ITEMS, 0, -1), LISTS[:, :K], RNG.normal(size=(ITEMS, 4)).astype(np.float32))


def test_ndcg_and_average_precision_equal_those_of_scikit_learn() -> None:
    from sklearn.metrics import average_precision_score, ndcg_score  # takes half a second

    ours = ndcg_at_k(LISTS, POSITIVES, K)
    precision = average_precision_at_k(LISTS, POSITIVES, ITEMS)
    for user in np.flatnonzero(TRUTH.any(axis=1)):
        assert ours[user] == pytest.approx(ndcg_score(TRUTH[[user]].astype(int), SCORES[[user]], k=K))
        assert precision[user] == pytest.approx(average_precision_score(TRUTH[user], SCORES[user]))


def test_rating_errors_equal_those_of_scikit_learn() -> None:
    from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

    truth, predicted = RNG.random(50) * 5, RNG.random(50) * 5
    assert rmse(truth, predicted) == pytest.approx(mean_squared_error(truth, predicted) ** 0.5)
    assert mae(truth, predicted) == pytest.approx(mean_absolute_error(truth, predicted))
    assert r2(truth, predicted) == pytest.approx(r2_score(truth, predicted))


def independent(user: int) -> tuple[float, float, float, float]:
    """Precision, recall, NDCG and hit rate as the project's independent evaluator defines them."""
    gains = np.array([TRUTH[user, item] for item in LISTS[user, :K]], float)
    discounts = 1 / np.log2(np.arange(2, K + 2))
    many = int(TRUTH[user].sum())
    dcg, ideal = float(gains @ discounts), float(discounts[: min(K, many)].sum())
    return gains.sum() / K, gains.sum() / many, dcg / ideal, float(gains.sum() > 0)


def test_means_and_intervals_equal_those_of_an_independent_evaluator() -> None:
    users = np.flatnonzero(TRUTH.any(axis=1))
    values = np.array([independent(user) for user in users])
    rng, means = np.random.default_rng(0), np.empty((500, 4))
    for draw in range(500):
        means[draw] = values[rng.integers(0, len(values), len(values))].mean(axis=0)
    low, high = np.percentile(means, [2.5, 97.5], axis=0)
    found = measure(LISTS, POSITIVES, CATALOGUE, K, resamples=500).figures
    for column, name in enumerate(("precision", "recall", "ndcg", "hit_rate")):
        expected = (values[:, column].mean(), low[column], high[column])
        assert found[f"{name}@{K}"] == pytest.approx(expected)


def test_the_mean_of_each_metric_lies_within_its_interval() -> None:
    found = measure(LISTS, POSITIVES, CATALOGUE, K, resamples=100)
    assert {name.split("@")[0] for name in found.figures} == {
        "precision",
        "recall",
        "ndcg",
        "map",
        "mrr",
        "hit_rate",
        "novelty",
        "diversity",
        "serendipity",
        "coverage",
        "gini",
    }
    for name, figure in found.figures.items():
        assert figure.low - 1e-9 <= figure.mean <= figure.high + 1e-9, name
    json.dumps(found.figures)


def test_each_user_and_each_positive_is_in_one_segment() -> None:
    learnt = np.arange(USERS) % 30
    parts: dict[str, Any] = {
        name: (lists, positives) for name, lists, positives in segments(LISTS, POSITIVES, CATALOGUE, learnt)
    }
    assert list(parts) == ["cold users", "light users", "heavy users", "head items", "tail items"]
    evaluated = int((POSITIVES.counts > 0).sum())
    assert sum(len(parts[name][0]) for name in parts if name.endswith("users")) == evaluated
    by_items = [parts[name][1] for name in ("head items", "tail items")]
    assert sum(len(part.indices) for part in by_items) == len(POSITIVES.indices)
    head = head_items(CATALOGUE)
    assert head.sum() == 8
    assert head[by_items[0].indices].all()
    assert not head[by_items[1].indices].any()
    np.testing.assert_array_equal(by_items[0].counts + by_items[1].counts, POSITIVES.counts)


def test_without_a_positive_the_evaluation_is_empty() -> None:
    with pytest.raises(ValueError, match="no user has a held-out positive"):
        measure(LISTS, Positives(np.zeros(USERS + 1, np.int64), np.empty(0, np.int32)), CATALOGUE, K, 10)
