from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algorithms.fold_in import fold_in
from contracts.settings import TrainingSettings
from training.fit.als import Problem, ranking, rating
from training.fit.factors import Matrix
from training.in_memory import half_step as module
from training.in_memory.als import Sides, both_sides
from training.in_memory.half_step import half_step, is_for, weights_of

SETTINGS = TrainingSettings()
USERS, ITEMS = 12, 8


def _world(seed: int, problem: Problem) -> tuple[Sides, Matrix]:
    rng = np.random.default_rng(seed)
    pairs = np.sort(rng.choice(USERS * ITEMS, 30, replace=False))
    users, items = np.divmod(pairs, ITEMS)
    sides = both_sides(
        users.astype(np.int32), items.astype(np.int32), rng.integers(-1, 5, 30) / 2.0, USERS, ITEMS
    )
    return sides, rng.normal(size=(ITEMS, problem.rank)).astype(np.float32)


def _both(sides: Sides, fixed: Matrix, problem: Problem) -> tuple[Matrix, Matrix]:
    pairs = sides.user_indptr, sides.items, sides.by_user
    exact = fold_in(
        fixed,
        *pairs,
        reg_param=problem.reg_param,
        alpha=problem.alpha,
        implicit=problem.implicit,
        nonnegative=problem.nonnegative,
    )
    return half_step(USERS, weights_of(*pairs, ITEMS, problem), problem, fixed), exact


@pytest.mark.parametrize("nonnegative", [False, True])
@pytest.mark.parametrize("problem", [ranking(SETTINGS), rating(SETTINGS)], ids=["ranking", "rating"])
@given(seed=st.integers(0, 999), rank=st.integers(1, 6), rows=st.sampled_from([1, 5, 256]))
def test_a_half_step_is_the_fold_in_of_every_row(
    problem: Problem, nonnegative: bool, seed: int, rank: int, rows: int
) -> None:
    problem = replace(problem, rank=rank, nonnegative=nonnegative, reg_param=0.1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK_ROWS", rows)
        found, exact = _both(*_world(seed, problem), problem)
    np.testing.assert_allclose(found, exact, rtol=1e-3, atol=1e-4)


def test_rows_without_pairs_or_with_dislikes_only_get_exact_zeros() -> None:
    problem = ranking(SETTINGS)
    indptr, items, strengths = (
        np.array([0, 0, 2, 3]),
        np.array([0, 1, 2], np.int32),
        np.array([-1.0, -2.0, 1.0]),
    )
    fixed = np.random.default_rng(0).normal(size=(ITEMS, problem.rank)).astype(np.float32)
    found = half_step(3, weights_of(indptr, items, strengths, ITEMS, problem), problem, fixed)
    assert not found[:2].any()
    assert found[2].any()


def test_factors_that_are_not_finite_are_refused() -> None:
    sides, fixed = _world(1, ranking(SETTINGS))
    fixed[0] = np.inf
    with pytest.raises(ValueError, match="raise regParam"):
        _both(sides, fixed, ranking(SETTINGS))


def test_long_factors_large_catalogues_and_weak_regularisation_are_left_to_the_fold_in() -> None:
    problem = ranking(SETTINGS)
    assert is_for(problem, others=100_000)
    assert not is_for(problem, others=1_000_000)
    assert not is_for(replace(problem, rank=33), others=100)
    assert not is_for(replace(problem, reg_param=1e-6), others=100)
