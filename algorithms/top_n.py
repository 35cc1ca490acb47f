"""Exact top-N by blocked products of factors: every item is scored, the known ones are left out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Indexes = NDArray[np.int32]

# One product has always this shape: BLAS rounds differently for other shapes, and a user's list must not
# depend on who else is asked for. 64 x 2**18 scores of 4 bytes take 64 MiB, however many items there are.
BLOCK_USERS = 64
BLOCK_ITEMS = 2**18
_GROUPS = 4  # of columns, for each place in a list
_CROWDED = 4


def top_n(
    user_factors: Floats,
    item_factors: Floats,
    known_indptr: NDArray[np.int64],
    known_indices: Indexes,
    n: int,
    item_mask: NDArray[np.bool_] | None = None,
) -> tuple[Indexes, Floats]:
    """The n items of the highest score (user row x item row) for each user, without the user's known ones.

    Known items come as CSR: those of user u are ``known_indices[known_indptr[u]:known_indptr[u + 1]]``.
    ``item_mask`` is False for items that nobody may get. Equal scores are ordered by the lower index.
    Returns item indexes and scores, both (users, n); where fewer items remain, -1 and -inf.
    Raises ValueError for n < 1, factors that do not match, or factors that are not finite.
    """
    _check(user_factors, item_factors, n)
    absent = np.flatnonzero(~item_mask) if item_mask is not None else np.empty(0, np.int64)
    indexes = np.full((len(user_factors), n), -1, np.int32)
    scores = np.full((len(user_factors), n), -np.inf, np.float32)
    for start in range(0, len(user_factors), BLOCK_USERS):
        stop = min(start + BLOCK_USERS, len(user_factors))
        counts = np.diff(known_indptr[start : stop + 1])
        rows = np.repeat(np.arange(stop - start), counts)
        columns = known_indices[known_indptr[start] : known_indptr[stop]]
        for first, block in _score_blocks(user_factors[start:stop], item_factors):
            inside = (columns >= first) & (columns < first + block.shape[1])
            block[rows[inside], columns[inside] - first] = -np.inf
            block[:, absent[(absent >= first) & (absent < first + block.shape[1])] - first] = -np.inf
            _merge(indexes[start:stop], scores[start:stop], block, first)
    indexes[np.isneginf(scores)] = -1
    return indexes, scores


def similar_items(item_factors: Floats, n: int) -> tuple[Indexes, Floats]:
    """The n other items of the highest cosine for each item, as (items, n) indexes and cosines.

    An item whose factors are all zero is like nothing: it has no neighbours (-1 and -inf) and is nobody's.
    Raises ValueError for n < 1 or factors that are not finite.
    """
    # Scaled by the largest entry first, so that no square overflows or vanishes.
    largest = np.abs(item_factors).max(axis=1, keepdims=True, initial=0.0)
    present = largest[:, 0] > 0
    scaled = item_factors / np.where(largest > 0, largest, 1)
    directions = scaled / np.where(present, np.linalg.norm(scaled, axis=1), 1)[:, None]
    itself = np.arange(len(item_factors) + 1, dtype=np.int64)
    indexes, cosines = top_n(
        directions.astype(np.float32),
        directions.astype(np.float32),
        itself,
        itself[:-1].astype(np.int32),
        n,
        item_mask=present,
    )
    indexes[~present] = -1
    cosines[~present] = -np.inf
    return indexes, np.minimum(cosines, np.float32(1))


def _check(user_factors: Floats, item_factors: Floats, n: int) -> None:
    if n < 1:
        raise ValueError(f"n must be at least 1, not {n}")
    if user_factors.shape[1] != item_factors.shape[1]:
        ranks = f"{user_factors.shape[1]} do not fit item factors of rank {item_factors.shape[1]}"
        raise ValueError(f"user factors of rank {ranks}; publish both from one fit")
    if not (np.isfinite(user_factors).all() and np.isfinite(item_factors).all()):
        raise ValueError("the factors are not all finite numbers; the fit diverged, raise its regularisation")


def _score_blocks(users: Floats, item_factors: Floats) -> Iterator[tuple[int, Floats]]:
    """Scores of up to BLOCK_USERS users, BLOCK_ITEMS items at a time, with the first item's index."""
    padded = np.zeros((BLOCK_USERS, users.shape[1]), np.float32)
    padded[: len(users)] = users
    for first in range(0, len(item_factors), BLOCK_ITEMS):
        yield first, (padded @ item_factors[first : first + BLOCK_ITEMS].T)[: len(users)]


def _merge(indexes: Indexes, scores: Floats, block: Floats, first: int) -> None:
    """Puts the best of a block into the lists kept so far, in place."""
    n = indexes.shape[1]
    all_indexes, all_scores = _candidates(block, n)
    if first:
        # The kept ones come first: their indexes are lower, so the stable order of ties stays right.
        all_indexes = np.hstack([indexes, all_indexes + first])
        all_scores = np.hstack([scores, all_scores])
    order = np.argsort(-all_scores, axis=1, kind="stable")[:, :n]
    indexes[:] = np.take_along_axis(all_indexes, order, axis=1)
    scores[:] = np.take_along_axis(all_scores, order, axis=1)


def _candidates(block: Floats, n: int) -> tuple[Indexes, Floats]:
    """Of each row its n largest and not many more, by ascending column: columns and scores, -inf behind.

    The n-th largest maximum of groups of columns is not above the n-th largest score, so what is not below it
    holds all that is looked for. Maxima of groups cost a tenth of selecting from all scores.
    """
    floor = np.maximum(_floor(block, n), np.finfo(np.float32).min)
    above = block >= floor[:, None]
    counts = np.count_nonzero(above, axis=1)
    for row in np.flatnonzero(counts > _CROWDED * n):
        # All but equal scores: of those no more than the first n can be listed.
        above[row, np.flatnonzero(block[row] == floor[row])[n:]] = False
        counts[row] = np.count_nonzero(above[row])
    rows, columns = np.nonzero(above)
    places = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    shape = len(block), max(n, counts.max(initial=0))
    indexes, scores = np.full(shape, -1, np.int32), np.full(shape, -np.inf, np.float32)
    indexes[rows, places] = columns
    scores[rows, places] = block[rows, columns]
    return indexes, scores


def _floor(block: Floats, n: int) -> Floats:
    """Of each row something not above its n-th largest score, and close to it."""
    size = max(1, block.shape[1] // (_GROUPS * n))
    groups = block.shape[1] // size
    if groups <= n:
        return np.full(len(block), -np.inf, np.float32)
    tops = block[:, : size * groups].reshape(len(block), size, groups).max(axis=1)
    floor: Floats = np.partition(tops, groups - n, axis=1)[:, groups - n]
    return floor
