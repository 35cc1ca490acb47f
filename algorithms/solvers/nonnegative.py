"""Least squares with no negative number in the solution, from the normal equations.

The active-set method of Lawson and Hanson (1974), in the form of Bro and de Jong (1997), which needs only the
products A'A and A'b. Spark's ``nonnegative=True`` solves the same problem by projected conjugate gradients.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_STEPS_PER_UNKNOWN = 10
_RELATIVE_TOLERANCE = 1e-12
_RANK_CUTOFF = 1e-12


def solve_nonnegative(lhs: Floats, rhs: Floats) -> Floats:
    """The x >= 0 of the least x'Mx / 2 - b'x for each M of ``lhs`` (rows, n, n) and b of ``rhs`` (rows, n).

    Every M must be symmetric and positive semidefinite, and b in its range. Never NaN.
    """
    solved = np.zeros_like(rhs)
    for row, (matrix, target) in enumerate(zip(lhs, rhs, strict=True)):
        solved[row] = _solve_one(matrix, target)
    return solved


def _solve_one(matrix: Floats, target: Floats) -> Floats:
    solution, free = np.zeros(len(target)), np.zeros(len(target), bool)
    tolerance = _RELATIVE_TOLERANCE * np.abs(target).max(initial=0.0)
    for _ in range(_STEPS_PER_UNKNOWN * len(target)):
        downhill = np.where(free, -np.inf, target - matrix @ solution)
        entering = int(np.argmax(downhill))
        if downhill[entering] <= tolerance:
            break
        free[entering] = True
        solution = _step(matrix, target, solution, free)
        if not free[entering]:  # it left at once: rounding, not descent
            break
    return solution


def _step(matrix: Floats, target: Floats, solution: Floats, free: NDArray[np.bool_]) -> Floats:
    """The best solution of the free unknowns; those that would go below zero are held at zero (in place)."""
    while free.any():
        best = np.zeros_like(solution)
        best[free] = _least_norm(matrix[np.ix_(free, free)], target[free])
        negative = free & (best <= 0)
        if not negative.any():
            return best
        way = np.where(negative, solution - best, 0.0)
        shares = np.where(negative, np.divide(solution, way, out=np.zeros_like(way), where=way > 0), np.inf)
        leaving = shares <= shares.min()
        solution = np.maximum(solution + shares.min() * (best - solution), 0)
        solution[leaving], free[leaving] = 0, False
    return np.zeros_like(solution)


def _least_norm(matrix: Floats, target: Floats) -> Floats:
    return np.asarray(np.linalg.lstsq(matrix, target, rcond=_RANK_CUTOFF)[0], np.float64)
