"""Places entries by their content in the space of the factors: a ridge regression of factors on features.

An item or user without an interaction gets the factors that others with such content have. The more an item's
factors say (the longer they are), the more it counts in the fit.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from algorithms.content.features import HASHES, Content, FeatureRows, Features

Floats = NDArray[np.float64]
_BIAS = HASHES  # a column that every row has
_REGULARISATION = 2.0
_STEPS, _PRECISION = 60, 1e-4
MOST_FITTED = 20_000  # rows; more would take long, and change little
MOST_COLUMNS = 2**15  # the most frequent features are kept
_LEAST_ROWS = 2  # a feature of one row alone would only learn that row's noise


@dataclass(frozen=True)
class Placement:
    """A fitted regression: ``weights`` (columns, rank) of the ``columns`` that occurred, in their order."""

    features: Features
    columns: NDArray[np.int32]
    weights: NDArray[np.float32]

    @property
    def rank(self) -> int:
        """The length of a vector of factors."""
        return int(self.weights.shape[1])

    def place(self, contents: Sequence[Content]) -> NDArray[np.float32]:
        """(contents, rank): their factors; zero for a content of which no feature is known."""
        rows = self.features.rows(contents)
        at = np.minimum(np.searchsorted(self.columns, rows.columns), len(self.columns) - 1)
        known = self.columns[at] == rows.columns
        weighted = np.where(known, rows.values, 0.0)[:, None] * self.weights[at]
        owners = np.repeat(np.arange(len(contents)), np.diff(rows.indptr))
        placed = np.zeros((len(contents), self.rank))
        np.add.at(placed, owners, weighted)
        bias = self.weights[self.columns == _BIAS].sum(axis=0)
        has_known = np.bincount(owners, known, minlength=len(contents)) > 0
        return np.where(has_known[:, None], placed + bias, 0.0).astype(np.float32)

    def stretch(self, factor: float) -> Placement:
        """The same, with factors that are longer by this factor."""
        return replace(self, weights=(factor * self.weights).astype(np.float32))

    def encode(self) -> bytes:
        """As stored: one line of JSON, then the columns and the weights."""
        head = {"columns": len(self.columns), "rank": self.rank, "knots": dict(self.features.knots)}
        arrays = self.columns.astype("<i4").tobytes() + self.weights.astype("<f4").tobytes()
        return json.dumps(head).encode() + b"\n" + arrays

    @classmethod
    def decode(cls, raw: bytes, expected_rank: int | None = None) -> Placement:
        """The inverse of `encode`. Raises ValueError for bytes that are not of one, or of another rank."""
        line, _, arrays = raw.partition(b"\n")
        head: dict[str, Any] = json.loads(line)
        if not {"columns", "rank", "knots"} <= head.keys():
            raise ValueError("what places items by content lacks its sizes")
        count, rank = int(head["columns"]), int(head["rank"])
        if not count or len(arrays) != 4 * count * (1 + rank):
            raise ValueError("what places items by content is damaged")
        if expected_rank not in (None, rank):
            raise ValueError(f"what places items by content has {rank} factors, not {expected_rank}")
        columns = np.frombuffer(arrays, "<i4", count)
        weights = np.frombuffer(arrays, "<f4", offset=4 * count).reshape(count, rank)
        return cls(Features(head["knots"]), columns, weights)


def fit_placement(contents: Sequence[Content], factors: NDArray[np.floating[Any]]) -> Placement | None:
    """Fit factors (contents, rank) on what the contents say; None where none of them says anything.

    Rows of zeros are left out, as are contents without a feature.
    """
    lengths = np.linalg.norm(np.asarray(factors, np.float64), axis=1)
    longest_first = np.argsort(-lengths, kind="stable")
    told = [at for at in longest_first.tolist() if lengths[at] > 0][:MOST_FITTED]
    chosen = [contents[at] for at in told]
    features = Features.of(chosen)
    rows = _frequent(features.rows(chosen))
    filled = np.flatnonzero(np.diff(rows.indptr))
    if not len(filled):
        return None
    targets = np.asarray(factors, np.float64)[np.array(told)]
    weights = np.sqrt(lengths[np.array(told)])
    weights[np.diff(rows.indptr) == 0] = 0.0
    columns, matrix = _with_bias(rows)
    solved = _solve(matrix, weights / weights[filled].mean(), targets)
    return Placement(features, columns, solved.astype(np.float32))


def _frequent(rows: FeatureRows) -> FeatureRows:
    """Without rare features."""
    columns, places, counts = np.unique(rows.columns, return_inverse=True, return_counts=True)
    kept = np.argsort(-counts, kind="stable")[:MOST_COLUMNS]
    is_kept = np.zeros(len(columns), np.bool_)
    is_kept[kept] = counts[kept] >= _LEAST_ROWS
    chosen = is_kept[places]
    before = np.concatenate([[0], np.cumsum(chosen)])
    return FeatureRows(before[rows.indptr], rows.columns[chosen], rows.values[chosen])


class _Matrix(NamedTuple):
    """A sparse matrix, by rows and by columns, none of which is empty."""

    columns: NDArray[np.int64]
    values: Floats
    row_starts: NDArray[np.int64]
    by_column: NDArray[np.int64]  # the entries' order by columns
    rows: NDArray[np.int64]  # of the entries in that order
    column_starts: NDArray[np.int64]

    def times(self, dense: Floats) -> Floats:
        """(rows, n)."""
        return np.add.reduceat(self.values[:, None] * dense[self.columns], self.row_starts, axis=0)

    def transposed_times(self, dense: Floats) -> Floats:
        """(columns, n)."""
        entries = self.values[self.by_column, None] * dense[self.rows]
        return np.add.reduceat(entries, self.column_starts, axis=0)


def _with_bias(rows: FeatureRows) -> tuple[NDArray[np.int32], _Matrix]:
    """The columns that occur, the bias last, and the matrix over them."""
    many = len(rows.indptr) - 1
    owners = np.concatenate([np.repeat(np.arange(many), np.diff(rows.indptr)), np.arange(many)])
    named = np.concatenate([rows.columns, np.full(many, _BIAS, np.int32)])
    values = np.concatenate([rows.values, np.ones(many)])
    order = np.argsort(owners, kind="stable")
    columns, places = np.unique(named[order], return_inverse=True)
    by_column = np.argsort(places, kind="stable")
    matrix = _Matrix(
        columns=places,
        values=values[order],
        row_starts=np.searchsorted(owners[order], np.arange(many)),
        by_column=by_column,
        rows=owners[order][by_column],
        column_starts=np.searchsorted(places[by_column], np.arange(len(columns))),
    )
    return columns.astype(np.int32), matrix


def _solve(matrix: _Matrix, weights: Floats, targets: Floats) -> Floats:
    """(columns, rank): the ridge regression's solution, by conjugate gradients."""

    def square(guess: Floats) -> Floats:
        weighted = weights[:, None] * matrix.times(guess)
        return matrix.transposed_times(weighted) + _REGULARISATION * guess

    right = matrix.transposed_times(weights[:, None] * targets)
    solved, left = np.zeros_like(right), right.copy()
    direction, error = left.copy(), (left * left).sum(axis=0)
    goal = _PRECISION**2 * error
    for _ in range(_STEPS):
        if (error <= goal).all():
            break
        turned = square(direction)
        length = error / np.maximum((direction * turned).sum(axis=0), 1e-300)
        solved += length * direction
        left -= length * turned
        before, error = error, (left * left).sum(axis=0)
        direction = left + error / np.maximum(before, 1e-300) * direction
    return solved
