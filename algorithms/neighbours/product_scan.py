"""The rows with the largest products with a vector, among very many, by a copy of the rows in int8 numbers.

The copy takes a quarter of the memory. Its rows are ordered from the longest to the shortest, and each is
divided by its largest number before it is rounded. How far a product of rounded rows can be from the exact
one has a bound (Cauchy and Schwarz). So the scan leaves out only what cannot be among the best, and stops
where no row that remains is long enough. What is left is scored exactly: the result is that of
`algorithms.top_n`, bit by bit.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from algorithms.neighbours.index import LARGE
from algorithms.top_n import longest_row, pair_scores, top_n

Floats = NDArray[np.float32]
Indexes = NDArray[np.int32]

_LARGEST_NUMBER = 127  # of int8
_BLOCK = 2**14  # rows that are scored at once, at the most
_FIRST_BLOCK = 2**10  # the first rows: all of them are candidates, because there is no floor yet
# What rounding of float32 adds to a bound, for each number of a row.
_ROUNDING = 8 * float(np.finfo(np.float32).eps)


class _Rounded(NamedTuple):
    """Rows that are about ``numbers`` x ``scales``: by how much, as a share of their length."""

    numbers: NDArray[np.int8]
    scales: Floats
    error: float


class _Candidates(NamedTuple):
    """Rows by index, with the least and the most that their products can be."""

    indexes: Indexes
    least: Floats
    most: Floats

    def where(self, kept: NDArray[np.bool_]) -> _Candidates:
        return _Candidates(self.indexes[kept], self.least[kept], self.most[kept])

    def and_also(self, others: _Candidates) -> _Candidates:
        return _Candidates(*(np.concatenate(pair) for pair in zip(self, others, strict=True)))


_NONE = _Candidates(np.empty(0, np.int32), np.empty(0, np.float32), np.empty(0, np.float32))


class FactorLists:
    """Lists by factors alone. Up to LARGE items all are scored; above it, a scan leaves most of them out."""

    def __init__(self, factors: Floats) -> None:
        """``factors`` (items, rank) are kept, not copied, and may be mapped from a file."""
        self.factors = factors

    @cached_property
    def is_fitted(self) -> NDArray[np.bool_]:
        """(items): whether the model knows the item, which then has factors other than zero."""
        return np.asarray(self.factors.any(axis=1))

    def best(
        self, vectors: Floats, known_indptr: NDArray[np.int64], known: Indexes, n: int
    ) -> tuple[Indexes, Floats]:
        """(users, n) fitted items and scores for ``vectors`` (users, rank), ordered as by `algorithms.top_n`.

        A user whose factors are all zero gets no list.
        """
        has_list = vectors.any(axis=1)
        if len(self.factors) <= LARGE:
            mask, longest = self.is_fitted, self._longest
            found, scores = top_n(vectors, self.factors, known_indptr, known, n, mask, longest)
            found[~has_list], scores[~has_list] = -1, -np.inf
            return found, scores
        found = np.full((len(vectors), n), -1, np.int32)
        scores = np.full((len(vectors), n), -np.inf, np.float32)
        for user in np.flatnonzero(has_list).tolist():
            of_user = known[known_indptr[user] : known_indptr[user + 1]]
            found[user], scores[user] = self._scan.best(vectors[user], of_user, n)
        return found, scores

    @cached_property
    def _longest(self) -> float:
        return longest_row(self.factors)

    @cached_property
    def _scan(self) -> ProductScan:
        return ProductScan(self.factors)


class ProductScan:
    """Rows that are ready for many questions. A row of zeros is never found."""

    def __init__(self, rows: Floats) -> None:
        """``rows`` (items, rank) are kept, not copied. Raises ValueError where they are not finite."""
        if not np.isfinite(rows).all():
            raise ValueError(
                "the factors are not all finite numbers; the fit diverged, raise its regularisation"
            )
        lengths = _lengths(rows)
        self._rows = rows
        there = np.count_nonzero(lengths)
        self._order = np.argsort(-lengths, kind="stable")[:there].astype(np.int32)
        self._lengths = lengths[self._order]
        self._rounded = _round(rows, self._order)

    @property
    def nbytes(self) -> int:
        """The memory that the copy takes, without the rows that were given."""
        numbers, scales, _ = self._rounded
        return numbers.nbytes + scales.nbytes + self._lengths.nbytes + self._order.nbytes

    def best(self, vector: Floats, known: Indexes, n: int) -> tuple[Indexes, Floats]:
        """(n) indexes and scores of the rows of the largest products with ``vector`` (rank), best first.

        ``known`` rows are left out. Equal scores are ordered by the lower index. Where fewer rows remain, -1
        and -inf. Raises ValueError for n < 1, and for a vector that does not fit or is not finite.
        """
        if n < 1 or vector.shape != self._rows.shape[1:] or not np.isfinite(vector).all():
            raise ValueError(f"n must be at least 1, and the vector {self._rows.shape[1]} finite numbers")
        candidates = self._scan(vector, np.sort(known), n)
        found = np.sort(candidates.indexes)
        scores = pair_scores(vector[None], self._rows, np.zeros(len(found), np.int64), found)
        order = np.argsort(-scores, kind="stable")[:n]
        indexes, best = np.full(n, -1, np.int32), np.full(n, -np.inf, np.float32)
        indexes[: len(order)], best[: len(order)] = found[order], scores[order]
        return indexes, best

    def _scan(self, vector: Floats, known: Indexes, n: int) -> _Candidates:
        """The n best rows, and those that may be as good."""
        question = _round(vector[None], np.zeros(1, np.int32))
        length, rank = float(_lengths(vector[None])[0]), len(vector)
        # By how much a product can differ from that of rounded numbers, as a share of the row's length.
        margin = length * (
            question.error * (1 + self._rounded.error) + self._rounded.error + rank * _ROUNDING
        )
        reach = length * (1 + rank * _ROUNDING)
        floor, kept = -np.inf, _NONE
        start, step = 0, min(_FIRST_BLOCK, _BLOCK)
        while start < len(self._order) and self._lengths[start] * reach >= floor:
            block = self._bounds(question, margin, slice(start, start + step))
            start, step = start + step, min(2 * step, _BLOCK)
            block = block.where(block.most >= floor)
            kept = kept.and_also(block.where(~are_among(block.indexes, known)))
            if len(kept.least) >= n:
                floor = np.partition(kept.least, len(kept.least) - n)[len(kept.least) - n]
                kept = kept.where(kept.most >= floor)
        return kept

    def _bounds(self, question: _Rounded, margin: float, block: slice) -> _Candidates:
        # Imported here, because small catalogues do not need it.
        import simsimd

        numbers, scales, _ = self._rounded
        products = simsimd.cdist(question.numbers, numbers[block], "dot", out_dtype="float32")
        about = np.asarray(products).reshape(-1) * (scales[block] * question.scales[0])
        either_way = self._lengths[block] * np.float32(margin)
        return _Candidates(self._order[block], about - either_way, about + either_way)


def are_among(values: Indexes, ordered: Indexes) -> NDArray[np.bool_]:
    """Which of the values are in ``ordered``, which is ascending; `numpy.isin` would take longer."""
    if not len(ordered):
        return np.zeros(len(values), np.bool_)
    places = np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)
    return np.asarray(ordered[places] == values)


def _lengths(rows: Floats) -> Floats:
    squares = np.einsum("ik,ik->i", rows, rows, dtype=np.float64)
    lengths: Floats = np.minimum(np.sqrt(squares), np.finfo(np.float32).max).astype(np.float32)
    return lengths


def _round(rows: Floats, order: Indexes) -> _Rounded:
    numbers = np.empty((len(order), rows.shape[1]), np.int8)
    scales = np.empty(len(order), np.float32)
    error = 0.0
    for start in range(0, len(order), _BLOCK):
        block = rows[order[start : start + _BLOCK]]
        scale = np.abs(block).max(axis=1, initial=0.0) / np.float32(_LARGEST_NUMBER)
        scale[scale == 0] = 1
        rounded = np.rint(block / scale[:, None])
        numbers[start : start + _BLOCK], scales[start : start + _BLOCK] = rounded, scale
        missed, lengths = _lengths(block - rounded * scale[:, None]), _lengths(block)
        error = max(error, float(np.max(missed / np.where(lengths > 0, lengths, 1), initial=0.0)))
    return _Rounded(numbers, scales, error)
