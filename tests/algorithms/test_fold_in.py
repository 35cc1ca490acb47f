from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algorithms import fold_in as module
from algorithms.fold_in import UNKNOWN, fold_in, gramian


class _World(NamedTuple):
    """Fixed factors, and rows of (index, strength, weight)."""

    fixed: Any
    rows: list[Any]


def _csr(rows: list[Any]) -> tuple[Any, Any, Any, Any]:
    indptr = np.cumsum([0, *map(len, rows)])
    columns = np.array([entry for row in rows for entry in row], float).reshape(-1, 3).T
    return indptr, columns[0].astype(np.int64), columns[1], columns[2]


def _fold_in(world: _World, **options: Any) -> Any:
    indptr, indices, strengths, weights = _csr(world.rows)
    return fold_in(world.fixed, indptr, indices, strengths, confidence_weights=weights, **options)


def _oracle(world: _World, reg_param: float, alpha: float, implicit: bool) -> Any:
    """Each row by the definition: a dense system of all fixed factors, solved with the least norm."""
    others, rank = world.fixed.shape
    solved = []
    for row in world.rows:
        strengths, weights, seen = np.zeros(others), np.zeros(others), np.zeros(others, bool)
        for at, strength, weight in row:
            index = int(at)
            if index != UNKNOWN:
                strengths[index], weights[index], seen[index] = strength, weight, True
        preference = (strengths > 0).astype(float) if implicit else strengths
        confidence = 1 + alpha * np.abs(strengths) * weights if implicit else weights * seen
        n = (strengths > 0).sum() if implicit else seen.sum()
        fixed = world.fixed.astype(float)
        left = fixed.T @ (confidence[:, None] * fixed) + reg_param * n * np.eye(rank)
        believed = weights * (1 + alpha * np.abs(strengths)) if implicit else confidence
        right = fixed.T @ (believed * preference)
        solved.append(np.linalg.lstsq(left, right, rcond=1e-12)[0] if n else np.zeros(rank))
    return np.array(solved).reshape(-1, rank)


@st.composite
def _worlds(draw: st.DrawFn, dtype: type = np.float64) -> _World:
    """Some rows empty, some only with dislikes, some with unknown items."""
    others, rank = draw(st.integers(1, 30)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    fixed = rng.standard_normal((others, rank)).astype(dtype)
    rows = []
    for length in draw(st.lists(st.integers(0, others), max_size=7)):
        indices = rng.permutation(others)[:length].astype(float)
        indices[rng.random(length) < 0.1] = UNKNOWN
        grades = rng.choice([-0.5, 0, 1, 2] if rng.random() < 0.8 else [-1.0], length)
        rows.append(np.stack([indices, grades, rng.random(length)], axis=1).reshape(-1, 3))
    return _World(fixed, rows)


forms = st.booleans()


@given(
    world=_worlds(),
    implicit=forms,
    reg_param=st.sampled_from([0.01, 0.3]),
    alpha=st.sampled_from([0.0, 0.5, 40.0]),
)
def test_each_row_is_the_solution_of_its_own_dense_system(
    world: _World, implicit: bool, reg_param: float, alpha: float
) -> None:
    solved = _fold_in(world, reg_param=reg_param, alpha=alpha, implicit=implicit)
    assert np.allclose(solved, _oracle(world, reg_param, alpha, implicit), rtol=1e-8, atol=1e-10)


@given(world=_worlds(dtype=np.float32), implicit=forms)
def test_single_precision_factors_lose_only_the_rounding_of_the_answer(world: _World, implicit: bool) -> None:
    solved = _fold_in(world, reg_param=0.05, alpha=1.0, implicit=implicit)
    assert solved.dtype == np.float32
    assert np.allclose(solved, _oracle(world, 0.05, 1.0, implicit), rtol=1e-6, atol=1e-7)


@given(world=_worlds(), implicit=forms, seed=st.integers(0, 2**32))
def test_the_order_of_a_history_changes_nothing(world: _World, implicit: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shuffled = _World(world.fixed, [rng.permutation(row, axis=0) for row in world.rows])
    options = {"reg_param": 0.05, "alpha": 1.0, "implicit": implicit}
    assert np.abs(_fold_in(world, **options) - _fold_in(shuffled, **options)).max(initial=0) < 1e-9


@given(world=_worlds(), implicit=forms, block=st.sampled_from([1, 50, 2**18]), cut=st.integers(0, 7))
def test_a_row_does_not_depend_on_the_other_rows(world: _World, implicit: bool, block: int, cut: int) -> None:
    options = {"reg_param": 0.05, "alpha": 1.0, "implicit": implicit}
    parts = [_fold_in(_World(world.fixed, rows), **options) for rows in (world.rows[:cut], world.rows[cut:])]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK_NUMBERS", block)
        assert (np.concatenate(parts) == _fold_in(world, **options)).all()


@given(world=_worlds(), implicit=forms, scale=st.sampled_from([1e-30, 1.0, 1e15]), copies=st.integers(1, 3))
def test_singular_equations_get_the_solution_of_the_least_norm(
    world: _World, implicit: bool, scale: float, copies: int
) -> None:
    """Repeated columns make every system singular; the least norm gives each the same share."""
    repeated = _World(np.tile(world.fixed * scale, (1, copies)), world.rows)
    solved = _fold_in(repeated, reg_param=0.0, alpha=1.0, implicit=implicit)
    assert np.isfinite(solved).all()
    first = solved[:, : world.fixed.shape[1]]
    assert np.allclose(solved, np.tile(first, (1, copies)), rtol=1e-3, atol=1e-6 / scale)


@given(world=_worlds(), implicit=forms)
def test_a_nonnegative_row_meets_the_optimality_conditions(world: _World, implicit: bool) -> None:
    options = {"reg_param": 0.05, "alpha": 1.0, "implicit": implicit}
    solved = _fold_in(world, **options, nonnegative=True)
    assert (solved >= 0).all()
    free = _fold_in(world, **options)
    inside = (free >= 0).all(axis=1)
    assert np.allclose(solved[inside], free[inside], atol=1e-9)


def test_no_history_or_only_dislikes_or_only_unknown_items_give_exact_zeros() -> None:
    rows = [[], [(0, -1.0, 1.0), (1, 0.0, 1.0)], [(UNKNOWN, 2.0, 1.0)], [(2, 1.0, 1.0)]]
    solved = _fold_in(_World(np.eye(3), rows), reg_param=0.0, alpha=1.0)
    assert (solved[:3] == 0).all()
    assert solved[3].any()


def test_an_unknown_item_is_counted_and_changes_nothing_until_a_model_knows_it() -> None:
    fixed = np.random.default_rng(1).standard_normal((5, 2))
    known: list[Any] = [(0, 1.0, 1.0), (3, 2.0, 0.5)]
    with_unknown = [known[0], (UNKNOWN, 2.0, 1.0), known[1]]
    options = {"reg_param": 0.1, "alpha": 1.0}
    one, other = _fold_in(_World(fixed, [known, with_unknown]), **options)
    assert (one == other).all()
    later = [known[0], (4, 2.0, 1.0), known[1]]
    assert (_fold_in(_World(fixed, [later]), **options) != one).any()


def test_an_entry_of_zero_confidence_only_counts_in_the_regularisation() -> None:
    fixed = np.random.default_rng(4).standard_normal((6, 3))
    rows = [[(0, 1.0, 1.0)], [(0, 1.0, 1.0), (1, 2.0, 0.0)]]
    without, with_forgotten = (
        _fold_in(_World(fixed, [row]), reg_param=reg, alpha=2.0)
        for row, reg in zip(rows, (0.2, 0.1), strict=True)
    )
    assert np.allclose(without, with_forgotten, rtol=1e-12)


def test_no_users_give_no_factors_and_users_without_items_give_zeros() -> None:
    assert _fold_in(_World(np.eye(3), []), reg_param=0.1, alpha=1.0).shape == (0, 3)
    assert (_fold_in(_World(np.empty((0, 3)), [[], []]), reg_param=0.1, alpha=1.0) == np.zeros((2, 3))).all()


def test_a_dislike_moves_the_row_away_from_the_item() -> None:
    fixed = np.random.default_rng(2).standard_normal((20, 4))
    liked: list[Any] = [(0, 2.0, 1.0)]
    rows = [liked, [*liked, (1, -2.0, 1.0)]]
    plain, disliking = _fold_in(_World(fixed, rows), reg_param=0.01, alpha=5.0) @ fixed[1]
    assert abs(disliking) < abs(plain)


def test_a_new_item_solved_from_users_who_like_it_scores_higher_for_users_like_them() -> None:
    users = np.random.default_rng(5).standard_normal((200, 8)).astype(np.float32)
    likes_it = users @ np.arange(8) > 10
    first_five = np.flatnonzero(likes_it)[:5]
    item = fold_in(users, np.array([0, 5]), first_five, np.ones(5), reg_param=0.01, alpha=0.5)[0]
    others = likes_it.copy()
    others[first_five] = False
    assert (users @ item)[others].mean() > (users @ item)[~likes_it].mean() + 0.01


def test_the_gramian_is_exact_whatever_the_size_of_its_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    fixed = np.random.default_rng(3).standard_normal((100, 4)).astype(np.float32)
    monkeypatch.setattr(module, "_GRAMIAN_ROWS", 7)
    assert np.allclose(gramian(fixed), fixed.astype(float).T @ fixed.astype(float), rtol=1e-14)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"indices": np.array([0, 3])}, "below 3"),
        ({"indices": np.array([-2, 0])}, "another model"),
        ({"strengths": np.ones(1)}, "one entry for each interaction"),
        ({"strengths": np.array([1.0, np.nan])}, "raise regParam"),
        ({"fixed": np.full((3, 3), np.nan)}, "raise regParam"),
        ({"confidence_weights": np.array([1.0, 1.5])}, "between 0 and 1"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(changes: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {
        "fixed": np.eye(3),
        "indptr": np.array([0, 2]),
        "indices": np.array([0, 1]),
        "strengths": np.ones(2),
    }
    with pytest.raises(ValueError, match=message):
        fold_in(**{**arguments, **changes}, reg_param=0.1)


def test_factors_are_the_same_however_many_rows_are_gathered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    fixed, counts = rng.standard_normal((30, 4)).astype(np.float32), rng.integers(0, 20, 25)
    indptr = np.concatenate([[0], np.cumsum(counts)])
    indices = np.concatenate([rng.choice(30, count, replace=False) for count in counts])
    strengths = rng.random(len(indices))
    at_once = fold_in(fixed, indptr, indices, strengths, reg_param=0.1)
    for numbers in (1, 100):
        monkeypatch.setattr(module, "_GATHERED", numbers)
        assert np.array_equal(fold_in(fixed, indptr, indices, strengths, reg_param=0.1), at_once)
