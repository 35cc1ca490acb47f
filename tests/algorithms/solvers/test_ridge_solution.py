from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algorithms.solvers.ridge_solution import solve_ridge


def _equations(seed: int, rows: int, rank: int, others: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(rows, others, rank))
    return np.einsum("uok,uol->ukl", factors, factors), np.einsum(
        "uok,uo->uk", factors, rng.random((rows, others))
    )


@given(seed=st.integers(0, 99), rows=st.integers(1, 5), rank=st.integers(1, 6), others=st.integers(1, 8))
def test_a_solution_fulfils_its_equations(seed: int, rows: int, rank: int, others: int) -> None:
    lhs, rhs = _equations(seed, rows, rank, others)
    regularisation = np.linspace(0.1, 2, rows)
    found = solve_ridge(lhs.copy(), rhs, regularisation, nonnegative=False)
    wanted = [m + r * np.eye(rank) for m, r in zip(lhs, regularisation, strict=True)]
    np.testing.assert_allclose(np.einsum("ukl,ul->uk", wanted, found), rhs, atol=1e-8)


def test_singular_equations_get_the_solution_of_the_least_norm_and_regular_ones_beside_them_theirs() -> None:
    lhs, rhs = _equations(seed=1, rows=2, rank=4, others=2)
    found = solve_ridge(lhs.copy(), rhs, np.array([0.0, 0.5]), nonnegative=False)
    np.testing.assert_allclose(found[0], np.linalg.pinv(lhs[0], rcond=1e-10) @ rhs[0], atol=1e-8)
    np.testing.assert_allclose(found[1], np.linalg.solve(lhs[1] + 0.5 * np.eye(4), rhs[1]), atol=1e-8)


def test_nonnegative_solutions_have_no_number_below_zero() -> None:
    lhs, rhs = _equations(seed=2, rows=6, rank=4, others=9)
    found = solve_ridge(lhs, -rhs, np.full(6, 0.1), nonnegative=True)
    assert (found >= 0).all()


@pytest.mark.parametrize("side", [0, 1])
def test_numbers_that_are_not_finite_are_refused(side: int) -> None:
    equations = _equations(seed=3, rows=2, rank=3, others=4)
    equations[side][1] = np.nan
    with pytest.raises(ValueError, match="raise regParam"):
        solve_ridge(*equations, np.full(2, 0.1), nonnegative=False)
