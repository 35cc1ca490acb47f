from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algorithms import top_n as module
from algorithms.top_n import best_of_rows, places_in_rows, top_n


def _csr(known: list[set[int]]) -> tuple[np.ndarray, np.ndarray]:
    indptr = np.cumsum([0, *map(len, known)]).astype(np.int64)
    return indptr, np.array([i for items in known for i in items], np.int32)


def _nothing_known(users: int) -> tuple[np.ndarray, np.ndarray]:
    return _csr([set() for _ in range(users)])


def _brute_force(users, items, known, n, mask=None):  # type: ignore[no-untyped-def]
    lists = []
    for u, row in enumerate(users):
        allowed = [i for i in range(len(items)) if i not in known[u] and (mask is None or mask[i])]
        ranked = sorted((-float(row @ items[i]), i) for i in allowed)[:n]
        lists.append([i for _, i in ranked] + [-1] * (n - len(ranked)))
    return np.array(lists, np.int32).reshape(len(users), n)


@st.composite
def _worlds(draw: st.DrawFn):  # type: ignore[no-untyped-def]
    """Whole numbers as factors, so that products are exact and ties are common."""
    users, items, rank = draw(st.integers(0, 70)), draw(st.integers(1, 30)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    factors = rng.integers(-2, 3, (users + items, rank)).astype(np.float32)
    known = [
        set(np.flatnonzero(rng.random(items) < draw(st.floats(0, 1))).tolist()) for _ in range(min(users, 3))
    ]
    known += [set() for _ in range(users - len(known))]
    return factors[:users], factors[users:], known, draw(st.integers(1, 35)), rng.random(items) < 0.8


@given(world=_worlds(), block_items=st.sampled_from([1, 4, 7, 2**18]))
def test_lists_equal_those_of_a_full_sort_whatever_the_size_of_blocks(world, block_items):  # type: ignore[no-untyped-def]
    users, items, known, n, mask = world
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK_ITEMS", block_items)
        indexes, scores = top_n(users, items, *_csr(known), n, item_mask=mask)
    assert (indexes == _brute_force(users, items, known, n, mask)).all()
    assert indexes.dtype == np.int32
    assert scores.dtype == np.float32
    assert (np.isneginf(scores) == (indexes == -1)).all()


def test_a_users_list_does_not_depend_on_who_else_is_asked_for() -> None:
    rng = np.random.default_rng(3)
    users = rng.standard_normal((150, 33)).astype(np.float32)
    items = rng.standard_normal((5003, 33)).astype(np.float32)
    indexes, scores = top_n(users, items, *_nothing_known(150), 50)
    for rows in (np.array([7]), np.arange(3), rng.permutation(150), np.arange(149, 50, -1)):
        some_indexes, some_scores = top_n(users[rows], items, *_nothing_known(len(rows)), 50)
        assert (some_indexes == indexes[rows]).all()
        assert (some_scores == scores[rows]).all()


@given(seed=st.integers(0, 2**32), rank=st.integers(1, 70), n=st.sampled_from([1, 10, 60]))
def test_items_whose_scores_differ_by_a_rounding_are_ordered_by_exact_products(
    seed: int, rank: int, n: int
) -> None:
    rng = np.random.default_rng(seed)
    users = rng.standard_normal((5, rank)).astype(np.float32)
    direction = rng.standard_normal(rank)
    items = (direction * (1 + 1e-7 * rng.integers(-9, 9, (900, 1)))).astype(np.float32)
    indexes, scores = top_n(users, items, *_nothing_known(5), n)
    for user, listed, scored in zip(users, indexes, scores, strict=True):
        every = np.array([np.einsum("pk,pk->p", user[None], item[None])[0] for item in items])
        best = np.argsort(-every, kind="stable")[:n]
        assert (listed == best).all()
        assert (scored == every[best]).all()


def test_lists_hold_no_known_item_and_are_padded_at_the_end() -> None:
    known = [set(range(10)), set(range(9)), set()]
    indexes, scores = top_n(np.ones((3, 2), np.float32), np.ones((10, 2), np.float32), *_csr(known), 4)
    assert indexes.tolist() == [[-1, -1, -1, -1], [9, -1, -1, -1], [0, 1, 2, 3]]
    assert np.isneginf(scores[0]).all()


@pytest.mark.parametrize("n", [0, -1])
def test_a_list_of_zero_items_is_refused(n: int) -> None:
    with pytest.raises(ValueError, match="n must be at least 1"):
        top_n(np.ones((1, 1), np.float32), np.ones((1, 1), np.float32), *_nothing_known(1), n)


@pytest.mark.parametrize(("user", "item"), [(np.nan, 1), (1, np.nan), (1, np.inf)])
def test_factors_that_are_not_numbers_are_refused_with_the_cure(user: float, item: float) -> None:
    users, items = np.full((1, 1), user, np.float32), np.array([[1], [item]], np.float32)
    with pytest.raises(ValueError, match="raise its regularisation"):
        top_n(users, items, *_nothing_known(1), 1)


def test_factors_of_two_ranks_are_refused() -> None:
    with pytest.raises(ValueError, match="rank 2 do not fit item factors of rank 3"):
        top_n(np.ones((1, 2), np.float32), np.ones((1, 3), np.float32), *_nothing_known(1), 1)


def test_the_best_of_a_row_are_its_highest_scores_above_zero_in_order() -> None:
    scores = np.array([[0.5, -1.0, 2.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0, -np.inf]])
    items, best = best_of_rows(scores, 3)
    assert items.tolist() == [[2, 4, 0], [-1, -1, -1], [0, 1, 2]]
    assert best[0].tolist() == [2.0, 1.0, 0.5]
    assert np.isneginf(best[1]).all()
    with pytest.raises(ValueError, match="n must be at least 1"):
        best_of_rows(scores, 0)


def test_the_best_of_a_row_are_those_of_a_full_sort() -> None:
    scores = np.random.default_rng(0).integers(-3, 9, (20, 50)).astype(np.float64)
    items, _ = best_of_rows(scores, 12)
    for row, chosen in zip(scores, items, strict=True):
        expected = [item for item in np.argsort(-row, kind="stable")[:12] if row[item] > 0]
        assert chosen[chosen >= 0].tolist() == expected


@given(st.integers(0, 2**32), st.integers(1, 12), st.integers(1, 400), st.integers(1, 2000))
def test_the_best_of_many_items_are_those_of_a_full_sort(seed: int, n: int, items: int, levels: int) -> None:
    row = np.random.default_rng(seed).integers(-levels // 2, levels, items).astype(np.float64)
    found, scores = best_of_rows(row[None], n)
    expected = [item for item in np.argsort(-row, kind="stable")[:n] if row[item] > 0]
    assert found[0][: len(expected)].tolist() == expected
    assert scores[0][: len(expected)].tolist() == row[expected].tolist()
    assert (found[0][len(expected) :] == -1).all()


def test_entries_of_a_row_are_numbered_from_zero_and_empty_rows_have_none() -> None:
    is_there = np.array([[True, False, True], [False, False, False], [True, True, True]])
    rows, _ = np.nonzero(is_there)
    assert rows.tolist() == [0, 0, 2, 2, 2]
    assert places_in_rows(is_there.sum(axis=1)).tolist() == [0, 1, 0, 1, 2]
