"""Sparse item-to-item rows, each cut to its largest entries: the matrices that signals store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.integer[Any]]
_PART_ENTRIES = 2**15  # summed at once: what they take stays in the cache
_HALF_LARGEST = 15  # half-precision values are scaled so that the largest is about 2 ** 15


class Touched(NamedTuple):
    """The distinct items, ascending, that a signal scores for one user; all others score 0."""

    items: NDArray[np.int32]
    scores: Floats


class _Entries(NamedTuple):
    """Entries of several rows, one row after another, each times the weight of its row."""

    columns: NDArray[np.int32]
    amounts: Floats
    counts: NDArray[np.int64]  # (rows): how many entries each row has


@dataclass(frozen=True)
class Rows:
    """A matrix (items, items) as CSR. An entry is ``values`` x ``scale``, and takes 4 + 2 or 4 + 4 bytes."""

    indptr: NDArray[np.int64]
    columns: NDArray[np.int32]  # ascending in each row
    values: NDArray[np.float16] | NDArray[np.float32]
    scale: float = 1.0  # a power of two, so that it rounds nothing

    @property
    def items(self) -> int:
        """The number of rows, which is also the number of columns."""
        return len(self.indptr) - 1

    @property
    def nbytes(self) -> int:
        """The memory that the rows take."""
        return self.indptr.nbytes + self.columns.nbytes + self.values.nbytes

    def half(self) -> Rows:
        """The same matrix with values of two bytes; itself if it has them already."""
        if self.values.dtype == np.float16:
            return self
        largest = float(np.abs(self.values).max(initial=0.0)) * self.scale
        if not largest > 0:
            return Rows(self.indptr, self.columns, self.values.astype(np.float16))
        scale = 2.0 ** (np.ceil(np.log2(largest)) - _HALF_LARGEST)
        scaled = self.values.astype(np.float64) * (self.scale / scale)
        return Rows(self.indptr, self.columns, scaled.astype(np.float16), scale)

    def gather(self, items: Integers) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(the places of all entries of these rows, one row after another; how many entries each row has)."""
        starts = self.indptr[items]
        counts = self.indptr[items + 1] - starts
        places = np.repeat(starts - (np.cumsum(counts) - counts), counts)
        places += np.arange(len(places))
        return places, counts

    def sum_rows(self, owners: Integers, items: Integers, weights: Floats, users: int) -> Floats:
        """(users, items): for each user the sum of weight x row over its (owner, item, weight) entries.

        ``owners`` ascend.
        """
        if users <= 1:
            return self._sum_part(owners, items, weights, users)
        summed = np.empty((users, self.items))
        bounds = np.searchsorted(owners, np.arange(users + 1))
        entries = np.concatenate([[0], np.cumsum(self.indptr[items + 1] - self.indptr[items])])[bounds]
        first = 0
        while first < users:
            most = entries[first] + _PART_ENTRIES
            last = max(first + 1, int(np.searchsorted(entries, most, side="right")) - 1)
            part = slice(bounds[first], bounds[last])
            summed[first:last] = self._sum_part(
                owners[part] - first, items[part], weights[part], last - first
            )
            first = last
        return summed

    def _sum_part(self, owners: Integers, items: Integers, weights: Floats, users: int) -> Floats:
        columns, amounts, counts = self._weigh(items, weights)
        cells: Integers = columns
        if users > 1:
            cells = columns + np.repeat(np.asarray(owners, np.int64) * self.items, counts)
        summed = np.bincount(cells, amounts, users * self.items)
        return np.asarray(summed, np.float64).reshape(users, self.items)

    def _weigh(self, items: Integers, weights: Floats) -> _Entries:
        """The entries of these rows, one row after another, each times the weight of its row."""
        starts = self.indptr[items]
        counts = self.indptr[items + 1] - starts
        longest = int(counts.max(initial=0))
        scaled, is_longest = weights * self.scale, counts == longest
        if not is_longest.all():
            if counts[~is_longest].any():
                places, counts = self.gather(items)
                amounts = self.values.take(places).astype(np.float64)
                amounts *= np.repeat(scaled, counts)
                return _Entries(self.columns.take(places), amounts, counts)
            starts, scaled = starts[is_longest], scaled[is_longest]  # the others are empty
        # Of one length, as most rows are that are cut: each is copied at once, not entry by entry.
        columns = _slices(self.columns, longest)[starts]
        by_row = _slices(self.values, longest)[starts].astype(np.float64)
        by_row *= scaled[:, None]
        return _Entries(columns.ravel(), by_row.ravel(), counts)

    def touch(self, items: Integers, weights: Floats) -> Touched:
        """For one user what ``sum_rows`` gives, without the items that no row has."""
        columns, amounts, _ = self._weigh(items, weights)
        touched, place = np.unique(columns, return_inverse=True)
        return Touched(touched, np.bincount(place, amounts, len(touched)).astype(np.float64))

    def shares(self, items: Integers, weights: Floats, targets: Integers) -> Floats:
        """(targets, items): for each target and each of these rows, the row's weight x its entry for it."""
        columns, amounts, counts = self._weigh(items, weights)
        place_of = np.full(self.items, -1, np.int64)
        place_of[targets] = np.arange(len(targets))
        target = place_of[columns]
        source = np.repeat(np.arange(len(items)), counts)
        found = target >= 0
        shares = np.zeros((len(targets), len(items)))
        shares[target[found], source[found]] = amounts[found]
        return shares


def _slices(values: NDArray[Any], length: int) -> NDArray[Any]:
    """A view whose row i is ``values[i : i + length]``; numpy's `sliding_window_view` takes far longer."""
    shape, step = (len(values) - length + 1, length), values.strides[0]
    return np.ndarray(shape, values.dtype, values, strides=(step, step))


def from_sorted(row_of: Integers, columns: Integers, values: Floats, items: int, k: int) -> Rows:
    """Rows from entries in the order of (row, column), each row cut to its k largest by absolute value."""
    indptr = np.searchsorted(row_of, np.arange(items + 1)).astype(np.int64)
    kept = np.full(len(columns), k > 0)
    for row in np.flatnonzero(np.diff(indptr) > k) if k else ():
        start, stop = indptr[row], indptr[row + 1]
        sizes = np.abs(values[start:stop])
        least = np.partition(sizes, len(sizes) - k)[len(sizes) - k]
        kept[start:stop] = sizes > least
        # Where entries are equal, those of lower columns are kept.
        more = k - np.count_nonzero(kept[start:stop])
        kept[start + np.flatnonzero(sizes == least)[:more]] = True
    before = np.concatenate([[0], np.cumsum(kept)]).astype(np.int64)
    return Rows(before[indptr], columns[kept].astype(np.int32), values[kept].astype(np.float32))


def cut_block(block: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], Integers, NDArray[np.float32]]:
    """(entries of each row, columns, values): the k largest by absolute value, zeros left out."""
    width = min(k, block.shape[1])
    best = np.argpartition(np.abs(block), block.shape[1] - width, axis=1)[:, block.shape[1] - width :]
    best.sort(axis=1)
    values = np.take_along_axis(block, best, axis=1)
    kept = values != 0
    return kept.sum(axis=1), best[kept], values[kept]


def empty(items: int) -> Rows:
    """Rows without an entry."""
    return Rows(np.zeros(items + 1, np.int64), np.empty(0, np.int32), np.empty(0, np.float32))
