from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import nnls

from algorithms.solvers.nonnegative import solve_nonnegative


@given(
    seed=st.integers(0, 2**32),
    rank=st.integers(1, 12),
    rows=st.integers(0, 5),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
)
def test_the_solution_equals_that_of_scipys_active_set_method(
    seed: int, rank: int, rows: int, scale: float
) -> None:
    rng = np.random.default_rng(seed)
    sides = rng.standard_normal((rows, rank + 3, rank)) * scale
    targets = rng.standard_normal((rows, rank + 3))
    lhs = sides.transpose(0, 2, 1) @ sides
    rhs = (sides.transpose(0, 2, 1) @ targets[:, :, None])[:, :, 0]
    expected = np.array([nnls(a, b)[0] for a, b in zip(sides, targets, strict=True)]).reshape(rows, rank)
    assert np.allclose(solve_nonnegative(lhs, rhs) * scale, expected * scale, rtol=1e-6, atol=1e-8)


@given(seed=st.integers(0, 2**32), rank=st.integers(1, 8), independent=st.integers(0, 8))
def test_solutions_of_singular_systems_meet_the_optimality_conditions(
    seed: int, rank: int, independent: int
) -> None:
    rng = np.random.default_rng(seed)
    side = rng.standard_normal((independent, rank))
    lhs, rhs = side.T @ side, side.T @ rng.standard_normal(independent)
    solution = solve_nonnegative(lhs[None], rhs[None])[0]
    slope = lhs @ solution - rhs
    assert (solution >= 0).all()
    assert slope.min() > -1e-8
    assert np.abs(slope[solution > 0]).max(initial=0) < 1e-8


@pytest.mark.parametrize("target", [[-1.0, -2.0], [0.0, 0.0]])
def test_a_system_that_no_positive_value_improves_gives_exact_zeros(target: list[float]) -> None:
    assert (solve_nonnegative(np.eye(2)[None], np.array([target])) == 0).all()
