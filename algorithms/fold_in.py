"""Fold-in: the exact factors of rows (users, or new items) for fixed factors of the other side.

Spark's ALS solves its users last, so its user factors are exactly what this gives for its item factors
(Hu, Koren, Volinsky 2008 for implicit preferences; Zhou et al. 2008 for regParam scaled by n). With Y the
fixed factors of a row's interactions, r its strengths, c = alpha |r|, p = [r > 0], G the Gramian of all fixed
factors:

    implicit   (G + Y' diag(c) Y + regParam n I) x = Y' ((1 + c) p)     n = number of r > 0
    explicit   (    Y' Y         + regParam n I) x = Y' r               n = number of ratings

A weight w in [0, 1] says how much of an interaction is still believed (``algorithms/recency.py``). Implicitly
the share w of it counts as seen, with confidence 1 + c, and the share 1 - w as an item never touched, with
preference 0 and confidence 1: Y' diag(w c) Y on the left, Y' (w (1 + c) p) on the right. Explicitly each
squared error is multiplied by w. n stays, so w = 1 gives exactly Spark's rows. (Weighting c alone hardly
matters where alpha is small, since the preference's own 1 stays: docs/decisions/0004-recency.md.)

Fold in from the whole history of a row, never from its last few interactions.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from algorithms.solvers.ridge_solution import solve_ridge

Floats = NDArray[np.float64]
Factors = NDArray[np.floating[Any]]  # float32 or float64; equations are set up and solved in float64
Integers = NDArray[np.integer[Any]]

UNKNOWN = -1  # the index of an interaction whose other side has no factor yet
_BLOCK_NUMBERS = 2**18  # of the equations that are solved at once: 2 MiB, which stay in the cache
_BLOCK_ROWS = 1024
_GATHERED = 2**15  # numbers: 256 KiB
_GRAMIAN_ROWS = 2**16


def gramian(fixed: Factors) -> Floats:
    """G = F'F of all fixed factors F (items, rank), in float64: what every implicit row shares."""
    total = np.zeros((fixed.shape[1], fixed.shape[1]))
    for start in range(0, len(fixed), _GRAMIAN_ROWS):
        block = fixed[start : start + _GRAMIAN_ROWS].astype(np.float64)
        total += block.T @ block
    return total


def fold_in(
    fixed: Factors,
    indptr: Integers,
    indices: Integers,
    strengths: NDArray[np.floating[Any]],
    *,
    reg_param: float,
    alpha: float = 1.0,
    implicit: bool = True,
    nonnegative: bool = False,
    gramian: Floats | None = None,
    confidence_weights: Floats | None = None,
) -> NDArray[Any]:
    """The factors (rows, rank) of each row, in the dtype of ``fixed`` (others, rank).

    Interactions come as CSR: row u has those from ``indptr[u]`` to ``indptr[u + 1]`` of ``indices`` (places
    in ``fixed``, or UNKNOWN: left out), ``strengths`` (implicit) or ratings (explicit), and
    ``confidence_weights`` (None: all 1). An index may stand only once in a row, which is not checked.
    ``gramian`` saves computing it for each call.
    A row without interactions, or implicitly without a strength above zero, gets zeros. Where the equations
    are singular (regParam 0), the solution of the least norm; never NaN. A row does not depend on the others.
    Raises ValueError for arrays that do not fit, indexes out of range, or numbers that are not finite.
    """
    _check(fixed, indptr, indices, strengths, confidence_weights)
    rank = fixed.shape[1]
    shared = _gramian_of(fixed, gramian) if implicit else np.zeros((rank, rank))
    solved = np.zeros((len(indptr) - 1, rank))
    block = max(1, min(_BLOCK_ROWS, _BLOCK_NUMBERS // max(1, rank**2)))
    for start in range(0, len(solved), block):
        history = _history(indptr[start : start + block + 1], indices, strengths, confidence_weights)
        terms = terms_of(history.strengths, history.weights, alpha=alpha, implicit=implicit)
        counts = row_sums(history.indptr, terms.counted)
        rows = counts.nonzero()[0]
        lhs, rhs = _equations(fixed, history, terms, rows, shared)
        solved[start + rows] = solve_ridge(lhs, rhs, reg_param * counts[rows], nonnegative)
    largest = np.finfo(fixed.dtype).max
    return np.minimum(np.maximum(solved, -largest), largest).astype(fixed.dtype)


class _History(NamedTuple):
    """Some rows' interactions as CSR, without those whose other side has no factor."""

    indptr: Integers
    indices: Integers
    strengths: Floats
    weights: Floats


class Terms(NamedTuple):
    """What each interaction adds: times its factors' square, times its factors, and to n."""

    square: Floats
    target: Floats
    counted: Floats


def _gramian_of(fixed: Factors, given: Floats | None) -> Floats:
    return gramian(fixed) if given is None else given


def _history(
    indptr: Integers, indices: Integers, strengths: NDArray[np.floating[Any]], weights: Floats | None
) -> _History:
    of_rows, starts = slice(indptr[0], indptr[-1]), indptr - indptr[0]
    columns = indices[of_rows], np.asarray(strengths[of_rows], np.float64)
    believed = np.ones(len(columns[0])) if weights is None else weights[of_rows]
    known = columns[0] != UNKNOWN
    if known.all():
        return _History(starts, *columns, believed)
    kept = np.concatenate([[0], np.cumsum(known)])
    return _History(kept[starts], columns[0][known], columns[1][known], believed[known])


def terms_of(strengths: Floats, weights: Floats, *, alpha: float, implicit: bool) -> Terms:
    """The terms of interactions with these strengths, or ratings, by the formulas above."""
    if not implicit:
        return Terms(weights, weights * strengths, np.ones(len(strengths)))
    preferred = (strengths > 0).astype(np.float64)
    confidence = alpha * np.abs(strengths)
    return Terms(weights * confidence, weights * (1 + confidence) * preferred, preferred)


def row_sums(indptr: Integers, values: Floats) -> Floats:
    """(rows): the sums of each row's entries of a CSR matrix, which are whole numbers: no order rounds."""
    if len(indptr) == 2:  # a single row: fewer steps
        return np.array([values.sum()])
    before = np.zeros(len(values) + 1)
    np.cumsum(values, out=before[1:])
    return np.asarray(before[indptr[1:]] - before[indptr[:-1]])


def _equations(
    fixed: Factors, history: _History, terms: Terms, rows: Integers, shared: Floats
) -> tuple[Floats, Floats]:
    """Left sides (rows, rank, rank) without regularisation, and right sides (rows, rank)."""
    lhs, rhs = np.empty((len(rows), *shared.shape)), np.empty((len(rows), len(shared)))
    roots = np.sqrt(terms.square)[:, None]
    starts, ends = history.indptr[rows].tolist(), history.indptr[rows + 1].tolist()
    place, at_once = 0, _GATHERED // max(1, fixed.shape[1])
    while place < len(rows):
        # The factors of several rows are gathered at once, as many as stay in the cache.
        first = starts[place]
        last = max(place + 1, bisect_right(ends, first + at_once))
        part = slice(first, ends[last - 1])
        factors = fixed.take(history.indices[part], 0).astype(np.float64)
        scaled, targets = factors * roots[part], terms.target[part]
        for row in range(place, last):
            of_row = slice(starts[row] - first, ends[row] - first)
            np.matmul(targets[of_row], factors[of_row], out=rhs[row])
            root_weighted = scaled[of_row]
            # A product with its own transpose is BLAS's symmetric one: half the work.
            np.matmul(root_weighted.T, root_weighted, out=lhs[row])
        place = last
    lhs += shared
    return lhs, rhs


def _check(
    fixed: Factors, indptr: Integers, indices: Integers, strengths: NDArray[Any], weights: Floats | None
) -> None:
    if not len(indices) == len(strengths) == indptr[-1] or (
        weights is not None and len(weights) != indptr[-1]
    ):
        raise ValueError(
            "indices, strengths and weights need one entry for each interaction that indptr counts"
        )
    if len(indices) and not (indices.min() >= UNKNOWN and indices.max() < len(fixed)):
        raise ValueError(
            f"indexes must be {UNKNOWN} (unknown) or below {len(fixed)}; are they of another model?"
        )
    if weights is not None and len(weights) and not (weights.min() >= 0 and weights.max() <= 1):
        raise ValueError("weights must be between 0 and 1")
