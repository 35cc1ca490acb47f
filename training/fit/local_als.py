"""ALS on arrays in one process: Spark's equations without Spark, for data that fits into memory.

The same rows as ``algorithms/fold_in.py`` solves one by one; here rows of similar length are padded to one
length and solved together. Items are solved first, from random users, as Spark does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from algorithms.fold_in import gramian
from training.fit.als import Matrix, Problem

Floats = NDArray[np.float64]

_BLOCK_NUMBERS = 2**20  # of padded factors that are solved at once: 8 MiB


class Side(NamedTuple):
    """Interactions by row (a user's, or an item's) as CSR; a pair stands once."""

    indptr: NDArray[np.int64]
    columns: NDArray[np.int32]
    values: Floats  # strengths (implicit) or ratings (explicit)


class LocalFactors(NamedTuple):
    """Both sides; a row without a positive strength (implicitly) or without a rating is zero."""

    users: Matrix
    items: Matrix


def by_row(rows: NDArray[np.int32], columns: NDArray[np.int32], values: Floats, count: int) -> Side:
    """Interactions in any order as CSR of ``count`` rows."""
    order = np.argsort(rows, kind="stable")
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=count))]).astype(np.int64)
    return Side(indptr, columns[order], np.asarray(values, np.float64)[order])


def random_start(by_user: Side, rank: int, seed: int) -> Matrix:
    """Random unit vectors for the users who have anything."""
    count = len(by_user.indptr) - 1
    vectors = np.random.default_rng(seed).standard_normal((count, rank))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[np.diff(by_user.indptr) == 0] = 0
    return vectors.astype(np.float32)


def fit_locally(
    by_user: Side, by_item: Side, problem: Problem, *, seed: int = 0, start: Matrix | None = None
) -> LocalFactors:
    """``problem.max_iter`` sweeps of items and then users, from random users or from ``start``.

    Raises ValueError for a nonnegative problem, which needs the solver of ``fold_in``.
    """
    users = random_start(by_user, problem.rank, seed) if start is None else start
    items = np.zeros((len(by_item.indptr) - 1, problem.rank), np.float32)
    for _ in range(problem.max_iter):
        items = half_step(by_item, users, problem)
        users = half_step(by_user, items, problem)
    return LocalFactors(users, items)


def half_step(side: Side, fixed: Matrix, problem: Problem) -> Matrix:
    """The exact factors of each row for the other side's ``fixed``."""
    if problem.nonnegative:
        raise ValueError(
            "a nonnegative problem is not solved locally; set ALS_NONNEGATIVE=false or use Spark"
        )
    rank = problem.rank
    shared = gramian(fixed) if problem.implicit else np.zeros((rank, rank))
    others = fixed.astype(np.float64)
    solved = np.zeros((len(side.indptr) - 1, rank), np.float32)
    for rows, width in _buckets(side, rank):
        places = side.indptr[rows][:, None] + np.arange(width)
        is_there = np.arange(width) < np.diff(side.indptr)[rows][:, None]
        places[~is_there] = 0
        values = side.values[places] * is_there
        if problem.implicit:
            liked = values > 0
            squares = problem.alpha * np.abs(values)
            targets = (1 + squares) * liked
        else:
            liked, squares, targets = is_there, is_there.astype(np.float64), values
        counts = liked.sum(axis=1)
        solvable = counts > 0  # the others' factors are zero, and their equations may be singular
        if solvable.any():
            factors = others[side.columns[places[solvable]]]
            damping = problem.reg_param * counts[solvable]
            solved[rows[solvable]] = _solve(factors, squares[solvable], targets[solvable], shared, damping)
    return solved


def _buckets(side: Side, rank: int) -> Iterator[tuple[NDArray[np.int64], int]]:
    """(rows, padded length): rows of similar length, as many as fit into a block."""
    lengths = np.diff(side.indptr)
    order = np.argsort(lengths, kind="stable")
    start = int(np.searchsorted(lengths[order], 1))
    while start < len(order):
        shortest = int(lengths[order[start]])
        stop = int(np.searchsorted(lengths[order], shortest + max(2, shortest // 4), side="right"))
        width = int(lengths[order[stop - 1]])
        stop = min(stop, start + max(1, _BLOCK_NUMBERS // (rank * max(width, rank))))
        yield order[start:stop], int(lengths[order[stop - 1]])
        start = stop


def _solve(
    factors: Floats, squares: Floats, targets: Floats, shared: Floats, damping: Floats
) -> NDArray[np.float64]:
    """x of (shared + F'diag(squares)F + damping I) x = F'targets for each row; least norm where singular."""
    transposed = factors.transpose(0, 2, 1)
    left = (transposed * squares[:, None, :]) @ factors + shared
    diagonal = np.arange(left.shape[1])
    left[:, diagonal, diagonal] += damping[:, None]
    right = (transposed @ targets[:, :, None])[:, :, 0]
    if (damping > 0).all():
        return np.asarray(np.linalg.solve(left, right[:, :, None])[:, :, 0])
    return np.asarray((np.linalg.pinv(left, hermitian=True) @ right[:, :, None])[:, :, 0])
