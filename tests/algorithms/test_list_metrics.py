from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algorithms.list_metrics import (
    CATALOGUE_METRICS,
    USER_METRICS,
    Catalogue,
    coverage,
    gini,
    intra_list_diversity,
    novelty,
    serendipity,
)
from algorithms.metrics import Lists, Positives

ITEMS, USERS, K = 8, 3, 4


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Lists, Positives, Catalogue]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    lists = np.array([rng.permutation(ITEMS)[:6] for _ in range(USERS)], np.int32)
    for row in range(USERS):
        lists[row, draw(st.integers(0, 6)) :] = -1
    liked = [rng.permutation(ITEMS)[: draw(st.integers(0, ITEMS))] for _ in range(USERS)]
    positives = Positives(
        np.cumsum([0, *map(len, liked)]).astype(np.int64), np.concatenate(liked).astype(np.int32)
    )
    popular = np.array([rng.permutation(ITEMS)[:K] for _ in range(USERS)], np.int32)
    vectors = rng.normal(size=(ITEMS, 3)).astype(np.float32) * (rng.random((ITEMS, 1)) < 0.8)
    return lists, positives, Catalogue(rng.integers(0, 5, ITEMS), popular, vectors)


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / lengths if lengths else 0.0


@given(worlds())
def test_each_users_metrics_equal_the_values_computed_by_hand(
    world: tuple[Lists, Positives, Catalogue],
) -> None:
    lists, positives, catalogue = world
    values = [
        metric(lists, positives, catalogue, K) for metric in (novelty, intra_list_diversity, serendipity)
    ]
    total = max(1, int(catalogue.users.sum()))
    for user in range(USERS):
        listed = [int(item) for item in lists[user, :K] if item >= 0]
        liked = set(positives.indices[positives.indptr[user] : positives.indptr[user + 1]].tolist())
        news = [-math.log2(max(1, int(catalogue.users[item])) / total) for item in listed]
        assert values[0][user] == pytest.approx(np.mean(news) if news else math.nan, nan_ok=True)
        pairs = list(itertools.combinations(listed, 2))
        # An item without metadata is similar to no item, not even to itself.
        alike = [_cosine(catalogue.vectors[a], catalogue.vectors[b]) for a, b in pairs]
        expected = 1 - sum(alike) / len(pairs) if pairs else math.nan
        assert values[1][user] == pytest.approx(expected, abs=1e-5, nan_ok=True)
        surprising = (set(listed) & liked) - set(catalogue.popular[user].tolist())
        assert values[2][user] == pytest.approx(len(surprising) / K if liked else math.nan, nan_ok=True)


@given(worlds())
def test_items_after_place_k_do_not_count(world: tuple[Lists, Positives, Catalogue]) -> None:
    lists, positives, catalogue = world
    for _, metric in USER_METRICS:
        cut = metric(lists[:, :K], positives, catalogue, K)
        np.testing.assert_array_equal(metric(lists, positives, catalogue, K), cut)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=20))
def test_the_gini_is_half_the_relative_mean_difference(listed: list[int]) -> None:
    catalogue = Catalogue(np.ones(len(listed), np.int64), np.empty((0, 1), np.int32), np.empty((0, 1)))
    counts = np.array(listed, float)
    differences = np.abs(counts[:, None] - counts).mean()
    expected = differences / (2 * counts.mean()) if counts.sum() else 0.0
    assert gini(counts, catalogue) == pytest.approx(expected)
    assert coverage(counts, catalogue) == np.count_nonzero(counts) / len(counts)


def test_items_without_an_interaction_do_not_count_as_catalogue() -> None:
    catalogue = Catalogue(np.array([3, 0, 1]), np.empty((0, 1), np.int32), np.empty((3, 1), np.float32))
    listed = np.array([2.0, 9.0, 0.0])
    assert coverage(listed, catalogue) == 0.5
    assert gini(listed, catalogue) == 0.5
    nothing = Catalogue(np.zeros(3, np.int64), np.empty((0, 1), np.int32), np.empty((3, 1), np.float32))
    assert [metric(listed, nothing) for _, metric in CATALOGUE_METRICS] == [0.0, 0.0]
