"""One half-step of ALS for all rows at once: the factors of one side for fixed factors of the other.

The equations are those of `algorithms.fold_in`. There, each row's sum of weighted squares Y' diag(c) Y is a
product of its own. Here, the squares y y' of all fixed factors y are computed once, and one product with a
sparse matrix, the weights c, gives the sums of all rows: a quarter of the time where factors are short. Sums
are of single precision, which is enough on the way, because the next half-step begins with its result.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from algorithms.fold_in import gramian, row_sums, terms_of
from algorithms.solvers.ridge_solution import solve_ridge
from training.fit.als import Problem
from training.fit.factors import Matrix

# Longer factors have more squares than a product of each row's own costs; the squares take 128 MiB at most.
_LONGEST, _MOST_SQUARES = 32, 2**25
_LEAST_REGULARISATION = 1e-3  # less would not hide the rounding of single precision
_BLOCK_ROWS = 256  # whose equations stay in the cache


class Weights(NamedTuple):
    """What each pair of some rows adds, as CSR (rows, others): times its factors' square, and times them.

    ``counted`` (rows,): by how many pairs the regularisation of a row is multiplied, above 0.
    """

    rows: NDArray[np.int64]
    square: sp.csr_matrix
    target: sp.csr_matrix
    counted: NDArray[np.float64]


def is_for(problem: Problem, others: int) -> bool:
    """Whether a half-step for this number of fixed factors is best made for all rows at once."""
    squares = others * problem.rank * (problem.rank + 1) // 2
    is_regular = problem.reg_param >= _LEAST_REGULARISATION
    return is_regular and problem.rank <= _LONGEST and squares <= _MOST_SQUARES


def weights_of(
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    values: NDArray[np.float64],
    others: int,
    problem: Problem,
) -> list[Weights]:
    """The weights of pairs given as CSR, by the formulas of `algorithms.fold_in`, in blocks of rows.

    Rows that nothing is counted for are left out.
    """
    terms = terms_of(values, np.ones(len(values)), alpha=problem.alpha, implicit=problem.implicit)
    sums, shape = row_sums(indptr, terms.counted), (len(indptr) - 1, others)
    counted_rows = np.flatnonzero(sums)
    squares, targets = (
        sp.csr_matrix((each.astype(np.float32), indices, indptr), shape)
        for each in (terms.square, terms.target)
    )
    return [
        Weights(rows, squares[rows], targets[rows], sums[rows])
        for rows in np.split(counted_rows, range(_BLOCK_ROWS, len(counted_rows), _BLOCK_ROWS))
    ]


def half_step(size: int, weights: Sequence[Weights], problem: Problem, fixed: Matrix) -> Matrix:
    """The factors (size, rank) for ``fixed`` (others, rank); zeros for rows without weights.

    Raises ValueError where factors or weights are not finite.
    """
    rank = fixed.shape[1]
    first, second = np.triu_indices(rank)
    place = np.empty((rank, rank), np.intp)
    place[first, second] = place[second, first] = np.arange(len(first))
    squares = fixed.take(first, 1) * fixed.take(second, 1)
    shared = gramian(fixed) if problem.implicit else np.zeros((rank, rank))
    solved = np.zeros((size, rank), np.float32)
    for rows, square, target, counted in weights:
        sums = (square @ squares).take(place.ravel(), 1)
        lhs = sums.reshape(len(rows), rank, rank) + shared
        rhs = (target @ fixed).astype(np.float64)
        solved[rows] = solve_ridge(lhs, rhs, problem.reg_param * counted, problem.nonnegative)
    return solved
