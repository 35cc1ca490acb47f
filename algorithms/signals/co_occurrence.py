"""How many users have each pair of items: X'X of the binary users-by-items matrix X."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from algorithms.signals.history import Histories

Integers = NDArray[np.integer[Any]]

_DENSE_SHARE = 0.05  # users with more than this share of the items are counted by BLAS, which is faster
_BLOCK_NUMBERS = 2**23
_BLOCK_PAIRS = 2**21


def dense_users(
    indptr: NDArray[np.int64], items: Integers, item_count: int, users: Integers
) -> NDArray[np.float32]:
    """(users, items): 1 where a user has an item."""
    matrix = np.zeros((len(users), item_count), np.float32)
    for row, user in enumerate(users.tolist()):
        matrix[row, items[indptr[user] : indptr[user + 1]]] = 1
    return matrix


def distinct_items(histories: Histories) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """(indptr, items) of each user's distinct known items."""
    distinct = histories.where(histories.is_newest_of_item)
    return distinct.indptr, distinct.items


def co_occurrence(
    indptr: NDArray[np.int64], items: NDArray[np.int32], item_count: int
) -> NDArray[np.float32]:
    """(items, items) from the distinct items of users (CSR). Counts above 2 ** 24 are rounded."""
    lengths = np.diff(indptr)
    is_dense = lengths > _DENSE_SHARE * item_count
    counts = np.zeros((item_count, item_count), np.float32)
    heavy = np.flatnonzero(is_dense)
    step = max(1, _BLOCK_NUMBERS // max(1, item_count))
    for start in range(0, len(heavy), step):
        block = dense_users(indptr, items, item_count, heavy[start : start + step])
        counts += block.T @ block
    light = np.repeat(~is_dense, lengths)
    _add_light(counts, np.repeat(np.arange(len(lengths)), lengths)[light], items[light])
    return counts


def _add_light(counts: NDArray[np.float32], users: Integers, items: NDArray[np.int32]) -> None:
    """Add to each row how many of the users who have its item have each other item. In place."""
    if not len(items):
        return
    count = len(counts)
    starts = np.concatenate([[0], np.cumsum(np.bincount(users))])
    by_item = np.argsort(items, kind="stable")
    owners = users[by_item]
    lengths = starts[owners + 1] - starts[owners]
    row_starts = np.searchsorted(items[by_item], np.arange(count + 1))
    pairs_before = np.concatenate([[0], np.cumsum(lengths)])
    first = 0
    while first < count:
        limit = pairs_before[row_starts[first]] + _BLOCK_PAIRS
        last = int(np.searchsorted(pairs_before[row_starts], limit, side="right")) - 1
        # As many rows as a block of counts has room for, too.
        last = min(max(last, first + 1), first + max(1, _BLOCK_NUMBERS // count), count)
        part = slice(row_starts[first], row_starts[last])
        before = np.cumsum(lengths[part]) - lengths[part]
        places = np.arange(lengths[part].sum()) + np.repeat(starts[owners[part]] - before, lengths[part])
        rows = np.repeat(items[by_item[part]].astype(np.int64) - first, lengths[part])
        cells = np.bincount(rows * count + items[places], minlength=(last - first) * count)
        counts[first:last] += cells.reshape(last - first, count).astype(np.float32)
        first = last
