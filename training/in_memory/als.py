"""The two ALS problems solved in one process.

The steps are those of Spark's ALS (pyspark.ml.recommendation.ALS): random user factors of length one, then in
each iteration the items for the users and the users for the items. The last step solves the users by the
fold-in kernel, so that they are exact for the item factors. From the same start both give the same factors,
except for rounding (test_als.py compares them).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from algorithms.fold_in import fold_in
from training.fit.als import Problem
from training.fit.factors import Matrix
from training.in_memory.half_step import half_step, is_for, weights_of
from training.in_memory.pairs import Pairs


class Sides(NamedTuple):
    """The values of a problem as CSR, once by user and once by item."""

    user_indptr: NDArray[np.int64]
    items: NDArray[np.int32]
    by_user: NDArray[np.float64]
    item_indptr: NDArray[np.int64]
    users: NDArray[np.int32]
    by_item: NDArray[np.float64]


class FittedFactors(NamedTuple):
    """Factors by index, zero for users and items without a value; the users' are exact for the items'."""

    users: Matrix
    items: Matrix


def sides_of(pairs: Pairs, problem: Problem, users: int, items: int) -> Sides:
    """The values that the problem learns from; ``pairs`` are ordered by user and item."""
    values = (pairs.strengths if problem.implicit else pairs.ratings).astype(np.float64)
    if not problem.implicit:
        is_rated = ~np.isnan(values)
        pairs, values = pairs.where(is_rated), values[is_rated]
    return both_sides(pairs.users, pairs.items, values, users, items)


def both_sides(
    owners: NDArray[np.int32],
    columns: NDArray[np.int32],
    values: NDArray[np.float64],
    users: int,
    items: int,
) -> Sides:
    """Values of pairs (owner, column) as CSR by owner and by column; ``owners`` ascending, each pair once."""
    by_item = np.argsort(columns, kind="stable")
    return Sides(
        user_indptr=row_bounds(owners, users),
        items=columns,
        by_user=values,
        item_indptr=row_bounds(columns, items),
        users=owners[by_item],
        by_item=values[by_item],
    )


def row_bounds(rows: NDArray[np.int32], size: int) -> NDArray[np.int64]:
    """Where each of ``size`` rows begins and ends once entries are sorted by row: a CSR matrix's indptr."""
    return np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=size))]).astype(np.int64)


def full_items(sides: Sides, problem: Problem, seed: int) -> Matrix:
    """The item factors of a fit from random user factors, in ``problem.max_iter`` iterations."""
    return iterate(sides, problem, random_users(sides, problem, seed), problem.max_iter)


def warm_items(sides: Sides, problem: Problem, start: Matrix, sweeps: int) -> Matrix:
    """The item factors of a fit from others by index (zero for new items): the users for ``start``, then
    ``sweeps`` times the items and the users."""
    return iterate(sides, problem, solve_users(sides, problem, start), sweeps)


def with_users(sides: Sides, problem: Problem, items: Matrix) -> FittedFactors:
    """The item factors, and the exact user factors for them."""
    return FittedFactors(solve_users(sides, problem, items), items)


def random_users(sides: Sides, problem: Problem, seed: int) -> Matrix:
    """User factors drawn from the normal distribution and scaled to length one, as Spark draws them."""
    drawn = np.random.default_rng(seed).standard_normal((len(sides.user_indptr) - 1, problem.rank))
    if problem.nonnegative:
        drawn = np.abs(drawn)
    # Spark has no row for users without a positive strength, so they add nothing to its Gramian.
    has_taste = np.diff(sides.user_indptr) > 0
    if problem.implicit:
        positives = np.concatenate([[0], np.cumsum(sides.by_user > 0)])
        has_taste = positives[sides.user_indptr[1:]] > positives[sides.user_indptr[:-1]]
    lengths = np.linalg.norm(drawn, axis=1, keepdims=True)
    return np.where(has_taste[:, None], drawn / lengths, 0.0).astype(np.float32)


def iterate(sides: Sides, problem: Problem, users: Matrix, iterations: int) -> Matrix:
    """Solve the items for the users, then the users for the items, the given number of times.

    The last item factors need no user factors after them, so these are not solved.
    """
    size = len(sides.user_indptr) - 1, len(sides.item_indptr) - 1
    to_users = _half_step(sides.user_indptr, sides.items, sides.by_user, size[1], problem)
    to_items = _half_step(sides.item_indptr, sides.users, sides.by_item, size[0], problem)
    items = np.zeros((size[1], problem.rank), np.float32)
    for iteration in range(iterations):
        if iteration:
            users = to_users(items)
        items = to_items(users)
    return items


def solve_users(sides: Sides, problem: Problem, items: Matrix) -> Matrix:
    """The exact user factors for fixed item factors."""
    return _solve_exactly(sides.user_indptr, sides.items, sides.by_user, problem, items)


def _half_step(
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    values: NDArray[np.float64],
    others: int,
    problem: Problem,
) -> Callable[[Matrix], Matrix]:
    """What solves one side for fixed factors (others, rank) of the other."""
    if not is_for(problem, others):
        return partial(_solve_exactly, indptr, indices, values, problem)
    weights = weights_of(indptr, indices, values, others, problem)
    return partial(half_step, len(indptr) - 1, weights, problem)


def _solve_exactly(
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    values: NDArray[np.float64],
    problem: Problem,
    fixed: Matrix,
) -> Matrix:
    solved: Matrix = fold_in(
        fixed,
        indptr,
        indices,
        values,
        reg_param=problem.reg_param,
        alpha=problem.alpha,
        implicit=problem.implicit,
        nonnegative=problem.nonnegative,
    )
    return solved
