"""The solution of many small regularised normal equations at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from algorithms.solvers.nonnegative import solve_nonnegative

Floats = NDArray[np.float64]

# Below this part of its trace, regularisation cannot be trusted to keep a matrix regular.
_REGULARISED = 1e-10
_RANK_CUTOFF = 1e-12


def solve_ridge(lhs: Floats, rhs: Floats, regularisation: Floats, nonnegative: bool) -> Floats:
    """x of (M + regularisation I) x = b for each M of ``lhs`` (rows, rank, rank) and b of ``rhs``.

    Every M must be symmetric and positive semidefinite; regularisation is added to ``lhs`` in place. With
    ``nonnegative``, the x >= 0 of the least squares. Where the equations are singular, the solution of the
    least norm. Raises ValueError where a number is not finite.
    """
    if not (np.isfinite(lhs).all() and np.isfinite(rhs).all()):
        raise ValueError(
            "the factors or strengths are not all finite numbers; the fit diverged, raise regParam"
        )
    diagonals = np.einsum("rii->ri", lhs)  # a view
    regular = regularisation > _REGULARISED * diagonals.sum(axis=1)
    diagonals += regularisation[:, None]
    if nonnegative:
        return solve_nonnegative(lhs, rhs)
    if regular.all():
        return np.asarray(np.linalg.solve(lhs, rhs[:, :, None])[:, :, 0])
    solved = np.empty_like(rhs)
    solved[regular] = np.linalg.solve(lhs[regular], rhs[regular][:, :, None])[:, :, 0]
    for row in np.flatnonzero(~regular):
        solved[row] = np.linalg.pinv(lhs[row], rcond=_RANK_CUTOFF, hermitian=True) @ rhs[row]
    return solved
