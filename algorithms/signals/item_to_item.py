"""Item-to-item: EASE (Steck 2019), a linear model of which items go with the items of a history.

With X the binary users-by-items matrix, P = (X'X + lambda I)^-1 and E_ij = -P_ij / P_jj, E_ii = 0:

    e(j) = sum over the user's items of g_h 2^(-h / half-life) E_(i_h) j

An item counts once, at its newest entry; h is how many such entries are strictly newer, g_h the entry's
grade. The "long view" is the same model of positive interactions only, without fading.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from algorithms.signals.co_occurrence import co_occurrence, dense_users, distinct_items
from algorithms.signals.history import POSITIVE_GRADE, UNKNOWN, Histories
from algorithms.signals.rows import Rows, Touched, cut_block
from algorithms.solvers.ridge_inverse import invert_in_place

Floats = NDArray[np.float64]
Integers = NDArray[np.integer[Any]]

MAX_ITEMS = 20_000  # the inverse of more is infeasible: 3 GB and minutes
_BLOCK_NUMBERS = 2**23
_LEAST_WEIGHT = 2.0**-7  # entries that weigh less are left out


@dataclass(frozen=True)
class ItemToItemSettings:
    """``half_life`` in entries, 0 for an unfaded history; ``positives_only`` in the fit and in histories."""

    regularisation: float = 1000.0  # lambda
    half_life: float = 15.0
    positives_only: bool = False


LONG_VIEW = ItemToItemSettings(regularisation=1000.0, half_life=0.0, positives_only=True)


@dataclass(frozen=True)
class ItemToItem:
    """The fitted signal."""

    rows: Rows  # E
    settings: ItemToItemSettings

    def score(self, histories: Histories) -> Floats:
        """(users, items)."""
        asked, weights = self._weigh_entries(histories)
        owners, items = histories.owners[asked], histories.items[asked]
        return self.rows.sum_rows(owners, items, weights, len(histories))

    def touch(self, history: Histories) -> Touched:
        """The scores of one user, without those that are 0."""
        asked, weights = self._weigh_entries(history)
        return self.rows.touch(history.items[asked], weights)

    def explain(self, history: Histories, targets: Integers) -> Floats:
        """(targets, entries)."""
        asked, weights = self._weigh_entries(history)
        shares = np.zeros((len(targets), len(history.items)))
        shares[:, asked] = self.rows.shares(history.items[asked], weights, targets)
        return shares

    def with_half_life(self, half_life: float) -> ItemToItem:
        """The same model with another half-life of the history."""
        return replace(self, settings=replace(self.settings, half_life=half_life))

    def _weigh_entries(self, histories: Histories) -> tuple[NDArray[np.int64], Floats]:
        settings = self.settings
        counts = histories.is_newest_of_item
        kept = counts | (histories.items == UNKNOWN)
        if settings.positives_only:
            counts = counts & (histories.grades >= POSITIVE_GRADE)
        faded = np.ones(len(counts))
        if settings.half_life:
            # Only the newest entry of an item counts, so an item that is repeated does not age the others.
            faded[kept] = 2.0 ** (-histories.where(kept).newer / settings.half_life)
            counts = counts & (faded >= _LEAST_WEIGHT)
        asked = np.flatnonzero(counts)
        grades = np.ones(len(asked)) if settings.positives_only else histories.grades[asked]
        return asked, grades * faded[asked]


def fit_item_to_item(
    histories: Histories,
    items: int,
    settings: ItemToItemSettings | None = None,
    k: int = 100,
    max_items: int = MAX_ITEMS,
) -> ItemToItem:
    """Fit the model; each row keeps its ``k`` largest entries by absolute value.

    If more than ``max_items`` items occur, the most frequent ones get rows; the others score nothing. With
    fewer users than items, the same matrix is computed from a system of the users' size:
    (X'X + lambda I)^-1 = (I - X'(XX' + lambda I)^-1 X) / lambda.
    """
    settings = settings or ItemToItemSettings()
    if settings.positives_only:
        histories = histories.where(histories.grades >= POSITIVE_GRADE)
    indptr, columns = distinct_items(histories)
    seen = np.bincount(columns, minlength=items)
    head = np.sort(np.argsort(-seen, kind="stable")[: min(max_items, int((seen > 0).sum()))])
    place_of = np.full(items, -1, np.int32)
    place_of[head] = np.arange(len(head))
    places = place_of[columns]
    before = np.concatenate([[0], np.cumsum(places >= 0)]).astype(np.int64)
    indptr, places = before[indptr], places[places >= 0]
    users = np.flatnonzero(np.diff(indptr))
    if len(users) < len(head):
        cut = _cut_by_users(indptr, places, users, len(head), settings.regularisation, k)
    else:
        cut = _cut_by_items(indptr, places, len(head), settings.regularisation, k)
    return ItemToItem(_spread_columns(cut, head, items), settings)


def _cut_by_items(
    indptr: NDArray[np.int64], places: NDArray[np.int32], count: int, regularisation: float, k: int
) -> Rows:
    inverse = co_occurrence(indptr, places, count)
    inverse[np.arange(count), np.arange(count)] += np.float32(regularisation)
    invert_in_place(inverse)
    divisors = inverse.diagonal().copy()
    step = max(1, _BLOCK_NUMBERS // max(1, count))
    blocks = []
    for start in range(0, count, step):
        block = inverse[start : start + step] / -divisors
        block[np.arange(len(block)), start + np.arange(len(block))] = 0
        blocks.append(cut_block(block, k))
    return _join(blocks)


def _cut_by_users(
    indptr: NDArray[np.int64],
    places: NDArray[np.int32],
    users: Integers,
    count: int,
    regularisation: float,
    k: int,
) -> Rows:
    seen = dense_users(indptr, places, count, users)
    inverse = seen @ seen.T
    inverse[np.arange(len(users)), np.arange(len(users))] += np.float32(regularisation)
    invert_in_place(inverse)
    solved = inverse @ seen
    # The diagonal of P x lambda; in single precision it would lose digits by cancellation.
    divisors = 1 - np.einsum("ui,ui->i", seen, solved, dtype=np.float64)
    divisors = np.maximum(divisors, np.finfo(np.float32).eps).astype(np.float32)
    step = max(1, _BLOCK_NUMBERS // max(1, count))
    blocks = []
    for start in range(0, count, step):
        block = (seen[:, start : start + step].T @ solved) / divisors
        block[np.arange(len(block)), start + np.arange(len(block))] = 0
        blocks.append(cut_block(block, k))
    return _join(blocks)


def _join(blocks: list[tuple[NDArray[np.int64], Integers, NDArray[np.float32]]]) -> Rows:
    if not blocks:
        return Rows(np.zeros(1, np.int64), np.empty(0, np.int32), np.empty(0, np.float32))
    lengths, columns, values = (np.concatenate(each) for each in zip(*blocks, strict=True))
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Rows(indptr, columns.astype(np.int32), values.astype(np.float32))


def _spread_columns(rows: Rows, head: Integers, items: int) -> Rows:
    """Rows over the items of ``head`` as rows over all items; ``head`` ascends, so columns stay ascending."""
    lengths = np.zeros(items, np.int64)
    lengths[head] = np.diff(rows.indptr)
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    columns = head[rows.columns].astype(np.int32) if len(head) else rows.columns
    return Rows(indptr, columns, rows.values)
