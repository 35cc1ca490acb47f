"""Candidates of the index against all neighbours, found by comparing each vector with each."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from numpy.typing import NDArray

from algorithms.neighbours.index import NeighbourIndex

Floats = NDArray[np.float32]


def _directions(count: int, rank: int = 16) -> Floats:
    """Vectors of length 1 around a hundred centres; the first one is zero."""
    rng = np.random.default_rng(5)
    centres = rng.standard_normal((100, rank))
    vectors = centres[rng.integers(0, 100, count)] + 0.5 * rng.standard_normal((count, rank))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[0] = 0
    return vectors.astype(np.float32)


def test_the_index_finds_nearly_all_neighbours_with_their_exact_scores_in_order() -> None:
    vectors, n = _directions(4000), 100
    asked = np.arange(200, dtype=np.int32)
    found, scores = NeighbourIndex(vectors).nearest(vectors[asked], asked, n)
    products = vectors[asked] @ vectors.T
    np.testing.assert_allclose(scores[1:], np.take_along_axis(products, found, axis=1)[1:], atol=1e-6)
    assert (np.diff(scores[1:], axis=1) <= 0).all()
    assert not (found == asked[:, None]).any()
    assert not (found[1:] <= 0).any()
    products[asked, asked] = -np.inf
    nearest = np.argsort(-products, axis=1)[:, :n]
    recall = np.mean([len(np.intersect1d(*each)) for each in zip(found[1:], nearest[1:], strict=True)]) / n
    assert recall >= 0.98


def test_another_process_finds_the_same_neighbours() -> None:
    vectors, asked = _directions(2000), np.arange(100, dtype=np.int32)
    index = NeighbourIndex(vectors)
    found = pickle.loads(pickle.dumps(index)).nearest(vectors[asked], asked, 20)
    for here, there in zip(index.nearest(vectors[asked], asked, 20), found, strict=True):
        assert (here == there).all()


def test_a_vector_of_zeros_has_no_neighbours() -> None:
    vectors = _directions(50)
    found, scores = NeighbourIndex(vectors).nearest(vectors[:2], np.arange(2, dtype=np.int32), 3)
    assert found[0].tolist() == [-1, -1, -1]
    assert np.isneginf(scores[0]).all()
    assert (found[1] > 0).all()


def test_where_few_vectors_are_a_list_ends_early() -> None:
    vectors = _directions(4)
    found, _ = NeighbourIndex(vectors).nearest(vectors[1:2], np.array([1], np.int32), 5)
    assert sorted(found[0].tolist()) == [-1, -1, -1, 2, 3]
    nothing = np.zeros((3, 4), np.float32)
    assert (NeighbourIndex(nothing).nearest(nothing, np.arange(3, dtype=np.int32), 2)[0] == -1).all()


def test_equal_scores_are_ordered_by_the_lower_index() -> None:
    vectors = np.tile(np.array([[1, 0]], np.float32), (6, 1))
    found, _ = NeighbourIndex(vectors).nearest(vectors[:1], np.array([0], np.int32), 5)
    assert found[0].tolist() == [1, 2, 3, 4, 5]


def test_numbers_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        NeighbourIndex(np.full((3, 2), np.nan, np.float32))
