"""Transitions: which items usually follow a user's newest ones within the next few events.

With C the counts of ``pair_counts`` and r and c their row and column sums,

    T_ij = (C_ij / ((r_i + D)^a (c_j + D)^b))^p
    t(j) = sum over the newest 20 entries of u_h 2^(-h / H) T_(i_h) j

h is how many of the user's entries are strictly newer, so entries of one time weigh the same. u_h is 1 for
entries that the user liked and less for others: a film that disappointed says less about the next one.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from algorithms.signals.follower_weights import FollowerWeights
from algorithms.signals.history import POSITIVE_GRADE, UNKNOWN, Histories
from algorithms.signals.pair_counts import Pairs, Window, count_pairs, merge
from algorithms.signals.rows import Rows, Touched, from_sorted

Floats = NDArray[np.float64]

_NEWEST = 20  # entries of a history that are used, the newest ones


@dataclass(frozen=True)
class TransitionSettings:
    """The window of the counts, the powers and damping of their sums, and the history's half-life."""

    window: Window = field(default_factory=Window)
    row_power: float = 1.0  # a
    column_power: float = 0.0  # b
    half_life: float = 4.0  # H, in entries
    damping: float = 5.0  # D, added to the sums, because few events say little
    power: float = 1.0  # p; below 1, several rarer followers count more than a single frequent one
    unliked: float = 1.0  # u of an entry whose grade is below that of a like
    followers: FollowerWeights = field(default_factory=FollowerWeights)  # how much a pair counts


@dataclass(frozen=True)
class Transitions:
    """The fitted signal. ``row_sums`` and ``column_sums`` (items) are those of all counts, cut or not."""

    rows: Rows  # T
    row_sums: NDArray[np.float32]
    column_sums: NDArray[np.float32]
    settings: TransitionSettings
    k: int

    def score(self, histories: Histories) -> Floats:
        """(users, items)."""
        asked, weights = self._weigh_entries(histories)
        owners, items = histories.owners[asked], histories.items[asked]
        return self.rows.sum_rows(owners, items, weights, len(histories))

    def touch(self, history: Histories) -> Touched:
        """The scores of one user, without those that are 0."""
        asked, weights = self._weigh_entries(history)
        return self.rows.touch(history.items[asked], weights)

    def explain(self, history: Histories, targets: NDArray[np.integer[Any]]) -> Floats:
        """(targets, entries)."""
        asked, weights = self._weigh_entries(history)
        shares = np.zeros((len(targets), len(history.items)))
        shares[:, asked] = self.rows.shares(history.items[asked], weights, targets)
        return shares

    def with_half_life(self, half_life: float) -> Transitions:
        """The same rows with another half-life of the history."""
        return replace(self, settings=replace(self.settings, half_life=half_life))

    def with_changes(self, changes: Pairs) -> Transitions:
        """The signal after events since the fit, which change only their own rows.

        Entries that were cut from these rows stay lost, and only these rows use the new column sums.
        """
        items = self.rows.items
        row_sums, column_sums = self.row_sums.astype(np.float64), self.column_sums.astype(np.float64)
        touched = np.unique(changes.sources)
        places, lengths = self.rows.gather(touched)
        kept = Pairs(np.repeat(touched, lengths), self.rows.columns[places].astype(np.int64), np.empty(0))
        values = self.rows.values[places].astype(np.float64) * self.rows.scale
        kept = kept._replace(counts=_counts(values, row_sums, column_sums, kept, self.settings))
        further = changes.sums(items)
        row_sums += further[0]
        column_sums += further[1]
        merged = merge([kept, changes], items)
        above = merged.counts > 0
        merged = Pairs(merged.sources[above], merged.followers[above], merged.counts[above])
        values = _values(row_sums, column_sums, merged, self.settings)
        changed = from_sorted(merged.sources, merged.followers, values, items, self.k)
        sums = row_sums.astype(np.float32), column_sums.astype(np.float32)
        return replace(
            self,
            rows=_replace_rows(self.rows, changed, touched),
            row_sums=sums[0],
            column_sums=sums[1],
        )

    def _weigh_entries(self, histories: Histories) -> tuple[NDArray[np.int64], Floats]:
        """The places of the entries that are used, and how much each weighs."""
        place = np.arange(len(histories.items)) - histories.indptr[histories.owners]
        asked = np.flatnonzero((place < _NEWEST) & (histories.items != UNKNOWN))
        weights = 2.0 ** (-histories.newer[asked] / self.settings.half_life)
        if self.settings.unliked != 1:
            liked = histories.grades[asked] >= POSITIVE_GRADE
            weights = np.where(liked, weights, self.settings.unliked * weights)
        return asked, weights


def fit_transitions(
    histories: Histories, items: int, settings: TransitionSettings | None = None, k: int = 100
) -> Transitions:
    """Fit the signal to all users' events; each row keeps its ``k`` largest entries."""
    settings = settings or TransitionSettings()
    levels = settings.followers.levels(histories, int(histories.times_ms.max(initial=0)))
    pairs = count_pairs(histories, settings.window, items, levels=levels)
    row_sums, column_sums = pairs.sums(items)
    values = _values(row_sums, column_sums, pairs, settings)
    rows = from_sorted(pairs.sources, pairs.followers, values, items, k)
    return Transitions(rows, row_sums.astype(np.float32), column_sums.astype(np.float32), settings, k)


def _values(row_sums: Floats, column_sums: Floats, pairs: Pairs, settings: TransitionSettings) -> Floats:
    """T of these pairs."""
    values = pairs.counts * _factor(row_sums, column_sums, pairs, settings)
    return values if settings.power == 1 else np.asarray(values**settings.power)


def _counts(
    values: Floats, row_sums: Floats, column_sums: Floats, pairs: Pairs, settings: TransitionSettings
) -> Floats:
    """C of these pairs, from T."""
    flat = values if settings.power == 1 else values ** (1 / settings.power)
    return np.asarray(flat / _factor(row_sums, column_sums, pairs, settings))


def _factor(row_sums: Floats, column_sums: Floats, pairs: Pairs, settings: TransitionSettings) -> Floats:
    by_row = (np.maximum(row_sums, 0) + settings.damping) ** -settings.row_power
    by_column = (np.maximum(column_sums, 0) + settings.damping) ** -settings.column_power
    return np.asarray(by_row[pairs.sources] * by_column[pairs.followers])


def _replace_rows(rows: Rows, changed: Rows, touched: NDArray[np.int64]) -> Rows:
    """``rows`` with some of its rows taken from ``changed``, whose values are not scaled."""
    is_touched = np.zeros(rows.items, np.bool_)
    is_touched[touched] = True
    lengths = np.where(is_touched, np.diff(changed.indptr), np.diff(rows.indptr))
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    columns = np.empty(indptr[-1], np.int32)
    values = np.empty(indptr[-1], np.float32)
    for source, scale, chosen in ((changed, 1.0, is_touched), (rows, rows.scale, ~is_touched)):
        items = np.flatnonzero(chosen)
        places, counts = source.gather(items)
        targets = np.arange(len(places)) + np.repeat(indptr[items] - (np.cumsum(counts) - counts), counts)
        columns[targets] = source.columns[places]
        values[targets] = source.values[places].astype(np.float32) * np.float32(scale)
    return Rows(indptr, columns, values)
