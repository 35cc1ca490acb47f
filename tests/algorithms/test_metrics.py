from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algorithms.metrics import (
    RANKING_METRICS,
    Lists,
    Positives,
    hits_at_k,
    mae,
    mean_ranking_metrics,
    ndcg_at_k,
    precision_at_k,
    r2,
    recall_at_k,
    rmse,
)

ITEMS = 12


def _positives(liked: list[set[int]]) -> Positives:
    indices = np.array([i for items in liked for i in items], np.int32)
    return Positives(np.cumsum([0, *map(len, liked)]).astype(np.int64), indices)


def _by_hand(listed: list[int], liked: set[int], k: int) -> tuple[float, float, float]:
    """Precision, recall and NDCG written out for one user."""
    hits = [item in liked for item in listed[:k]]
    dcg = sum(1 / math.log2(place + 2) for place, hit in enumerate(hits) if hit)
    ideal = sum(1 / math.log2(place + 2) for place in range(min(k, len(liked))))
    return sum(hits) / k, sum(hits) / len(liked), dcg / ideal


@st.composite
def _cases(draw: st.DrawFn) -> tuple[Lists, list[set[int]], int]:
    users, length = draw(st.integers(1, 6)), draw(st.integers(1, ITEMS))
    orders = [draw(st.permutations(range(ITEMS))) for _ in range(users)]
    lists = np.array([order[:length] for order in orders], np.int32)
    for row in range(users):
        lists[row, draw(st.integers(0, length)) :] = -1
    liked = [draw(st.sets(st.integers(0, ITEMS - 1))) for _ in range(users)]
    return lists, liked, draw(st.integers(1, ITEMS + 3))


@given(_cases())
def test_each_users_metrics_equal_the_values_computed_by_hand(
    case: tuple[Lists, list[set[int]], int],
) -> None:
    lists, liked, k = case
    positives = _positives(liked)
    columns = [metric(lists, positives, k) for metric in (precision_at_k, recall_at_k, ndcg_at_k)]
    for user, items in enumerate(liked):
        values = [column[user] for column in columns]
        if items:
            assert values == pytest.approx(_by_hand(lists[user].tolist(), items, k))
        else:
            assert np.isnan(values).all()


@given(_cases())
def test_every_ranking_metric_lies_between_0_and_1_and_ignores_what_comes_after_k(
    case: tuple[Lists, list[set[int]], int],
) -> None:
    lists, liked, k = case
    positives = _positives(liked)
    for _, metric in RANKING_METRICS:
        values = metric(lists, positives, k)
        rest = values[positives.counts > 0]
        assert ((rest >= 0) & (rest <= 1 + 1e-12)).all()
        assert np.array_equal(values, metric(lists[:, :k], positives, k), equal_nan=True)


def test_a_perfect_list_scores_1_in_any_order_of_the_positives() -> None:
    lists = np.array([[3, 1, 2]], np.int32)
    for order in ([1, 2, 3], [3, 2, 1]):
        positives = Positives(np.array([0, 3], np.int64), np.array(order, np.int32))
        assert mean_ranking_metrics(lists, positives, 3) == pytest.approx(
            {f"{name}@3": 1.0 for name, _ in RANKING_METRICS}
        )


def test_users_without_positives_are_left_out_of_the_mean() -> None:
    lists = np.array([[0], [1]], np.int32)
    assert mean_ranking_metrics(lists, _positives([{0}, set()]), 1)["precision@1"] == 1.0
    assert mean_ranking_metrics(lists, _positives([set(), set()]), 1) == {}


def test_a_missing_place_never_counts_as_a_hit() -> None:
    lists = np.array([[-1, -1], [1, -1]], np.int32)
    assert precision_at_k(lists, _positives([{1}, {1}]), 2).tolist() == [0.0, 0.5]


def test_hits_are_the_same_where_the_table_of_positives_would_be_too_large(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(0)
    lists = np.where(rng.random((9, 6)) < 0.2, -1, rng.integers(0, 20, (9, 6))).astype(np.int32)
    positives = Positives(np.arange(10) * 4, rng.integers(0, 25, 36).astype(np.int32))
    hits = hits_at_k(lists, positives, 5)
    monkeypatch.setattr("algorithms.metrics._MOST_CELLS", 0)
    assert np.array_equal(hits_at_k(lists, positives, 5), hits)
    assert hits.any()


def test_k_below_1_is_refused() -> None:
    with pytest.raises(ValueError, match="k must be at least 1"):
        precision_at_k(np.array([[0]], np.int32), _positives([{0}]), 0)


_ratings = st.lists(st.tuples(st.floats(0.5, 5), st.floats(-10, 10)), min_size=1, max_size=30)


@given(_ratings)
def test_rating_errors_follow_their_definitions(pairs: list[tuple[float, float]]) -> None:
    truth, predicted = np.array(pairs).T
    errors = [p - t for t, p in pairs]
    assert rmse(truth, predicted) == pytest.approx(math.sqrt(sum(e * e for e in errors) / len(errors)))
    assert mae(truth, predicted) == pytest.approx(sum(map(abs, errors)) / len(errors))
    assert mae(truth, predicted) <= rmse(truth, predicted) + 1e-9
    assert r2(truth, predicted) <= 1.0


def test_predicting_the_mean_explains_no_variance_and_predicting_the_truth_explains_all() -> None:
    truth = np.array([1.0, 2.0, 4.0])
    assert r2(truth, np.full(3, truth.mean())) == pytest.approx(0.0)
    assert r2(truth, truth) == 1.0
    assert r2(np.full(3, 4.0), np.full(3, 4.0)) == 1.0
    assert r2(np.full(3, 4.0), np.full(3, 5.0)) == 0.0


@pytest.mark.parametrize("metric", [rmse, mae, r2])
def test_a_measurement_without_users_is_refused_with_the_cure(metric) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="hold out more ratings"):
        metric(np.array([]), np.array([]))
