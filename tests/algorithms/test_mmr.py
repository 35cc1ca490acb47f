from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from algorithms.mmr import mmr

Floats = NDArray[np.float64]


def plainly(relevance: Floats, vectors: Floats, diversity: float) -> list[int]:
    """Re-rank by the definition, pair by pair."""

    def cosine(a: Floats, b: Floats) -> float:
        lengths = np.linalg.norm(a) * np.linalg.norm(b)
        return float(a @ b / lengths) if lengths else 0.0

    order: list[int] = []
    while len(order) < len(relevance):
        gains = {
            i: (1 - diversity) * relevance[i]
            - (diversity * max(cosine(vectors[i], vectors[j]) for j in order) if order else 0.0)
            for i in range(len(relevance))
            if i not in order
        }
        order.append(max(gains, key=lambda i: (round(gains[i], 9), -i)))
    return order


@given(st.integers(0, 10), st.integers(0, 1_000_000), st.sampled_from([0.0, 0.3, 0.7, 1.0]))
def test_the_order_equals_that_of_the_definition_of_mmr(n: int, seed: int, diversity: float) -> None:
    random = np.random.default_rng(seed)
    relevance, vectors = random.random(n), random.normal(size=(n, 3))
    vectors[random.random(n) < 0.2] = 0.0
    assert mmr(relevance, vectors, diversity) == plainly(relevance, vectors, diversity)


def test_without_diversity_items_are_ordered_by_relevance_and_then_by_place() -> None:
    assert mmr(np.array([0.2, 0.9, 0.2, 0.9]), np.ones((4, 2)), 0.0) == [1, 3, 0, 2]


def test_the_second_of_two_equal_items_comes_after_the_others() -> None:
    vectors = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    assert mmr(np.array([1.0, 0.9, 0.8, 0.7]), vectors, 0.5) == [0, 3, 2, 1]


@pytest.mark.parametrize(
    ("relevance", "vectors", "diversity"),
    [
        (np.ones(2), np.ones((3, 2)), 0.5),
        (np.ones(2), np.ones((2, 2)), 1.5),
        (np.array([1.0, np.nan]), np.ones((2, 2)), 0.5),
        (np.ones(2), np.full((2, 2), np.inf), 0.5),
    ],
)
def test_arrays_that_do_not_fit_are_refused(relevance: Floats, vectors: Floats, diversity: float) -> None:
    with pytest.raises(ValueError, match=r"finite|one vector"):
        mmr(relevance, vectors, diversity)
