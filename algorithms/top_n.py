"""Exact top-N by blocked products of factors: every item is scored, the known ones are left out.

How BLAS rounds depends on a product's shape, a row's place in it and the processor, and a user's list must
not depend on who else is asked for. So its scores only choose candidates, by a margin of that rounding; what
is listed is scored pair by pair.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Indexes = NDArray[np.int32]

# 64 x 2**18 scores of 4 bytes take 64 MiB, however many items there are.
BLOCK_USERS = 64
BLOCK_ITEMS = 2**18
_GROUPS = 4  # of columns, for each place in a list
_CROWDED = 4
_SCANNED = 2**16  # scores that are looked through at once
_ABOVE_ZERO = float(np.finfo(np.float64).tiny)
_PAIRS = 2**12  # scored at once: what they take stays in the cache


def top_n(
    user_factors: Floats,
    item_factors: Floats,
    known_indptr: NDArray[np.int64],
    known_indices: Indexes,
    n: int,
    item_mask: NDArray[np.bool_] | None = None,
    longest: float | None = None,
) -> tuple[Indexes, Floats]:
    """The n items of the highest score (user row x item row) for each user, without the user's known ones.

    Known items come as CSR: those of user u are ``known_indices[known_indptr[u]:known_indptr[u + 1]]``.
    ``item_mask`` is False for items that nobody may get. Equal scores are ordered by the lower index.
    ``longest`` is `longest_row` of the item factors, which saves computing it for each call.
    Returns item indexes and scores, both (users, n); where fewer items remain, -1 and -inf.
    Raises ValueError for n < 1, factors that do not match, or factors that are not finite.
    """
    if longest is None:
        longest = longest_row(item_factors)
    _check(user_factors, item_factors, n, longest)
    margins = _margins(user_factors, longest)
    absent = np.flatnonzero(~item_mask) if item_mask is not None else np.empty(0, np.int64)
    indexes = np.full((len(user_factors), n), -1, np.int32)
    scores = np.full((len(user_factors), n), -np.inf, np.float32)
    for start in range(0, len(user_factors), BLOCK_USERS):
        stop = min(start + BLOCK_USERS, len(user_factors))
        counts = np.diff(known_indptr[start : stop + 1])
        rows = np.repeat(np.arange(stop - start), counts)
        columns = known_indices[known_indptr[start] : known_indptr[stop]]
        for first in range(0, len(item_factors), BLOCK_ITEMS):
            users, items = user_factors[start:stop], item_factors[first : first + BLOCK_ITEMS]
            block = users @ items.T
            inside = (columns >= first) & (columns < first + len(items))
            block[rows[inside], columns[inside] - first] = -np.inf
            block[:, absent[(absent >= first) & (absent < first + len(items))] - first] = -np.inf
            floor = _floor(block, n) - margins[start:stop]
            _merge(indexes[start:stop], scores[start:stop], _candidates(users, items, block, floor, n), first)
    indexes[np.isneginf(scores)] = -1
    return indexes, scores


def best_of_rows(scores: NDArray[np.float64], n: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """(rows, n) items and scores, best first, of those with a score above 0; -1 and -inf where fewer are.

    Equal scores are ordered by the lower item. Raises ValueError for n < 1.
    """
    if n < 1:
        raise ValueError(f"n must be at least 1, not {n}")
    indexes = np.full((len(scores), n), -1, np.int32)
    best = np.full((len(scores), n), -np.inf, np.float32)
    if len(scores) == 1:
        _fill_best_of_one(scores, indexes, best)
        return indexes, best
    step = max(1, _SCANNED // max(1, scores.shape[1]))
    for start in range(0, len(scores), step):
        part = slice(start, start + step)
        _fill_best(scores[part], indexes[part], best[part])
    return indexes, best


def _fill_best_of_one(scores: NDArray[np.float64], indexes: Indexes, best: Floats) -> None:
    """What `_fill_best` does for a single row, with fewer steps."""
    n, values = indexes.shape[1], scores[0]
    items = np.flatnonzero(values >= max(float(_floor(scores, n)[0]), _ABOVE_ZERO))
    candidates = values[items]
    if len(items):
        items = items[_best_places(candidates, n)]
    indexes[0, : len(items)] = items
    best[0, : len(items)] = values[items]


def _fill_best(scores: NDArray[np.float64], indexes: Indexes, best: Floats) -> None:
    """Put the best of some rows into the lists, in place."""
    n = indexes.shape[1]
    # A lower bound of the n-th largest leaves few candidates to select from.
    floor = np.maximum(_floor(scores, n), _ABOVE_ZERO)
    above = scores >= floor[:, None]
    counts = np.count_nonzero(above, axis=1)
    for row in np.flatnonzero(counts > _CROWDED * n).tolist():
        columns = np.flatnonzero(above[row])
        chosen = columns[_best_places(scores[row, columns], n)]
        above[row] = False
        above[row, chosen] = True
        counts[row] = n
    rows, columns = np.divmod(np.flatnonzero(above), scores.shape[1])
    places = places_in_rows(counts)
    shape = len(scores), int(counts.max(initial=0))
    candidates = np.full(shape, -np.inf)
    candidates[rows, places] = scores[rows, columns]
    items = np.full(shape, -1, np.int32)
    items[rows, places] = columns
    order = np.argsort(-candidates, axis=1, kind="stable")[:, :n]
    indexes[:, : order.shape[1]] = np.take_along_axis(items, order, axis=1)
    best[:, : order.shape[1]] = np.take_along_axis(candidates, order, axis=1)


def _check(user_factors: Floats, item_factors: Floats, n: int, longest: float) -> None:
    if n < 1:
        raise ValueError(f"n must be at least 1, not {n}")
    if user_factors.shape[1] != item_factors.shape[1]:
        ranks = f"{user_factors.shape[1]} do not fit item factors of rank {item_factors.shape[1]}"
        raise ValueError(f"user factors of rank {ranks}; publish both from one fit")
    if not (np.isfinite(user_factors).all() and np.isfinite(longest)):
        raise ValueError("the factors are not all finite numbers; the fit diverged, raise its regularisation")


def _merge(indexes: Indexes, scores: Floats, candidates: tuple[Indexes, Floats], first: int) -> None:
    """Puts the best of a block into the lists kept so far, in place."""
    n = indexes.shape[1]
    all_indexes, all_scores = candidates
    if first:
        # The kept ones come first: their indexes are lower, so the stable order of ties stays right.
        all_indexes = np.hstack([indexes, all_indexes + first])
        all_scores = np.hstack([scores, all_scores])
    order = np.argsort(-all_scores, axis=1, kind="stable")[:, :n]
    indexes[:] = np.take_along_axis(all_indexes, order, axis=1)
    scores[:] = np.take_along_axis(all_scores, order, axis=1)


def _candidates(
    users: Floats, items: Floats, block: Floats, floor: NDArray[np.float64], n: int
) -> tuple[Indexes, Floats]:
    """The n largest of each row and few others, by ascending column: columns and scores, -inf behind."""
    above = block >= np.maximum(floor, np.finfo(np.float32).min).astype(np.float32)[:, None]
    counts = np.count_nonzero(above, axis=1)
    for row in np.flatnonzero(counts > _CROWDED * n):
        columns = np.flatnonzero(above[row])
        best = np.argsort(-pair_scores(users, items, np.full(len(columns), row), columns), kind="stable")[:n]
        above[row] = False
        above[row, columns[best]] = True
        counts[row] = n
    rows, columns = np.divmod(np.flatnonzero(above), above.shape[1])  # far faster than numpy's `nonzero`
    places = places_in_rows(counts)
    shape = len(block), max(n, counts.max(initial=0))
    indexes, scores = np.full(shape, -1, np.int32), np.full(shape, -np.inf, np.float32)
    indexes[rows, places] = columns
    scores[rows, places] = pair_scores(users, items, rows, columns)
    return indexes, scores


def longest_row(factors: Floats) -> float:
    """The length of the longest row; not finite where any of their numbers is not."""
    squares = np.einsum("ik,ik->i", factors, factors, dtype=np.float64)
    return float(np.sqrt(squares.max(initial=0.0)))


def _margins(user_factors: Floats, longest: float) -> NDArray[np.float64]:
    """How far below the n-th of BLAS' scores an item may stand and yet be among the n: (users,).

    Twice the error of two sums of rank products, rank u |x| |y| each (Higham, Accuracy and Stability of
    Numerical Algorithms, 2002, 3.5), for the longest item; one u more for the margin's own rounding.
    """
    lengths = np.sqrt(np.einsum("uk,uk->u", user_factors, user_factors, dtype=np.float64))
    margins: NDArray[np.float64] = (
        2 * (user_factors.shape[1] + 1) * np.finfo(np.float32).eps * lengths * longest
    )
    return margins


def pair_scores(
    users: Floats, items: Floats, rows: NDArray[np.int64], columns: NDArray[np.integer[Any]]
) -> Floats:
    """The products of these pairs, each summed alone, so that no pair's depends on the others."""
    scores = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), _PAIRS):
        part = slice(start, start + _PAIRS)
        np.einsum("pk,pk->p", users.take(rows[part], 0), items.take(columns[part], 0), out=scores[part])
    return scores


def places_in_rows(counts: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """0, 1, ... within each row, one row after another: the place of each entry that `nonzero` finds."""
    places: NDArray[np.int64] = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return places


def _floor(block: NDArray[np.floating[Any]], n: int) -> NDArray[np.floating[Any]]:
    """A lower bound of the n-th largest score of each row, close to it: (users,).

    That is the n-th largest of the maxima of groups of columns, a tenth of the cost of selecting from all.
    """
    size = max(1, block.shape[1] // (_GROUPS * n))
    groups = block.shape[1] // size
    if groups <= n:
        return np.full(len(block), -np.inf, block.dtype)
    tops = block[:, : size * groups].reshape(len(block), size, groups).max(axis=1)
    tops.partition(groups - n, axis=1)
    return np.asarray(tops[:, groups - n])


def _best_places(values: NDArray[np.float64], n: int) -> NDArray[np.int64]:
    """The places of the n largest values, best first; of equal ones the first."""
    if len(values) <= 2 * n:  # few: sorting all takes less time than selecting first
        return np.argsort(-values, kind="stable")[:n]
    places = np.flatnonzero(values >= np.partition(values, len(values) - n)[len(values) - n])
    return places[np.argsort(-values[places], kind="stable")[:n]]
