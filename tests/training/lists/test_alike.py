from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from training.lists.alike import Alike

N = 5


def unit_vectors(seed: int, distinct: int, items: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(distinct, 3))
    vectors /= np.linalg.norm(vectors, axis=1)[:, None]
    vectors[0] = 0
    return vectors[rng.integers(0, distinct, items)].astype(np.float32)


def lists_by_groups(vectors: NDArray[np.float32]) -> dict[int, tuple[list[int], list[float]]]:
    alike, found = Alike.of(vectors), {}
    cosines = alike.distinct @ alike.distinct.T
    for group in range(len(alike.distinct)):
        of_others = np.where(alike.distinct.any(axis=1), cosines[group], -np.inf)
        of_others[group] = -np.inf
        order = np.argsort(-of_others, kind="stable")[:N]
        others = np.where(np.isneginf(of_others[order]), -1, order).astype(np.int32)
        for item, near, scores in alike.lists(group, others, of_others[order], N):
            found[item] = (near, scores)
    return found


@given(st.integers(0, 1000), st.integers(2, 12), st.integers(1, 30))
def test_each_item_has_the_list_that_a_search_of_its_own_would_give(
    seed: int, distinct: int, items: int
) -> None:
    vectors = unit_vectors(seed, distinct, items)
    found = lists_by_groups(vectors)
    cosines = np.minimum(vectors @ vectors.T, 1.0)
    fitted = np.asarray(vectors.any(axis=1))
    for item in range(items):
        others = np.flatnonzero(fitted & (np.arange(items) != item))
        if not fitted[item] or not len(others):
            assert item not in found
            continue
        near, scores = found[item]
        assert item not in near
        assert len(near) == len(set(near)) == min(N, len(others))
        best = -np.sort(-cosines[item, others])[:N]
        np.testing.assert_allclose(scores, best, atol=1e-6)
        np.testing.assert_allclose(cosines[item, near], best, atol=1e-6)


def test_of_many_items_with_the_same_factors_each_is_near_the_first_ones() -> None:
    found = lists_by_groups(np.tile(np.array([[1, 0, 0]], np.float32), (1000, 1)))
    assert found[999][0] == [0, 1, 2, 3, 4]
    assert found[2][0] == [0, 1, 3, 4, 5]
    assert len(found) == 1000
