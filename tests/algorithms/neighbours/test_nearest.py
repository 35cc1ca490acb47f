from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from algorithms.neighbours.nearest import EXACT_ITEMS, index_items
from algorithms.top_n import top_n


def clustered(items: int, rank: int, seed: int = 3) -> NDArray[np.float32]:
    random = np.random.default_rng(seed)
    centres = random.normal(size=(200, rank))
    vectors = centres[random.integers(0, 200, items)] + 0.5 * random.normal(size=(items, rank))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def exact(
    queries: NDArray[np.float32], vectors: NDArray[np.float32], n: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    return top_n(queries, vectors, np.zeros(len(queries) + 1, np.int64), np.empty(0, np.int32), n)


def test_a_small_catalogue_is_searched_exactly() -> None:
    vectors = clustered(2_000, 16)
    neighbours = index_items(vectors)
    assert len(vectors) <= EXACT_ITEMS
    assert neighbours.graph is None
    for found, expected in zip(
        neighbours.nearest(vectors[:50], 20), exact(vectors[:50], vectors, 20), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


def test_a_large_catalogue_is_searched_by_a_graph_that_finds_98_of_100_neighbours() -> None:
    vectors = clustered(20_000, 32)
    neighbours = index_items(vectors, exact_items=10_000)
    assert neighbours.graph is not None
    found, cosines = neighbours.nearest(vectors[:200], 100)
    expected, _ = exact(vectors[:200], vectors, 100)
    pairs = zip(found, expected, strict=True)
    recall = np.mean([len(np.intersect1d(one, other)) / 100 for one, other in pairs])
    assert recall >= 0.98
    np.testing.assert_allclose(cosines, np.einsum("qk,qpk->qp", vectors[:200], vectors[found]), atol=1e-6)
    assert (np.diff(cosines, axis=1) <= 0).all()


def test_more_neighbours_than_items_leave_places_empty() -> None:
    vectors = clustered(5, 4)
    found, cosines = index_items(vectors, exact_items=1).nearest(vectors[:2], 8)
    assert (found[:, 5:] == -1).all()
    assert np.isneginf(cosines[:, 5:]).all()
    assert (np.sort(found[:, :5], axis=1) == np.arange(5)).all()


def test_factors_that_are_not_finite_and_lists_of_nothing_are_refused() -> None:
    vectors = clustered(5, 4)
    with pytest.raises(ValueError, match="at least 1"):
        index_items(vectors, exact_items=1).nearest(vectors, 0)
    vectors[0, 0] = np.nan
    with pytest.raises(ValueError, match="diverged"):
        index_items(vectors)
