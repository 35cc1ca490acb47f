"""Repeats: scores the items that the user has had, by how often and how lately. For lists with known items.

A session is a run of events without a gap; s is how many of the user's sessions are newer than a session:

    R(j) = log(1 + 10 x sum over sessions with j of 2^(-s / half-life))

An item that the user no longer wants (a grade below 0) scores nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from algorithms.signals.history import UNKNOWN, Histories
from algorithms.signals.rows import Touched

Floats = NDArray[np.float64]

_SCALE = 10.0


@dataclass(frozen=True)
class Repeats:
    """Needs no fit. ``half_life`` in sessions; a pause of more than ``gap_ms`` begins a new session."""

    items: int
    half_life: float = 10.0
    gap_ms: int = 1_800_000

    def score(self, histories: Histories) -> Floats:
        """(users, items)."""
        known = histories.items != UNKNOWN
        cells = (histories.owners * self.items + histories.items)[known]
        amounts = self._amounts(histories)[known]
        scores = np.bincount(cells, amounts, len(histories) * self.items).astype(np.float64, copy=False)
        scores[cells] = np.log1p(_SCALE * scores[cells])  # all others are 0
        return scores.reshape(len(histories), self.items)

    def touch(self, history: Histories) -> Touched:
        """The scores of one user, without those that are 0."""
        known = history.items != UNKNOWN
        items, place = np.unique(history.items[known], return_inverse=True)
        summed = np.bincount(place, self._amounts(history)[known], len(items))
        return Touched(items, np.log1p(_SCALE * summed))

    def explain(self, history: Histories, targets: NDArray[np.integer[Any]]) -> Floats:
        """(targets, entries): each entry has the same share of the score as of the sum in the logarithm."""
        amounts = (history.items == np.asarray(targets)[:, None]) * self._amounts(history)
        sums = amounts.sum(axis=1, keepdims=True)
        parts = np.divide(amounts, sums, out=np.zeros_like(amounts), where=sums > 0)
        return np.asarray(parts * np.log1p(_SCALE * sums))

    def _amounts(self, histories: Histories) -> Floats:
        """What each entry adds to the sum of its item. An item counts once in a session, times its weight."""
        times, owners = histories.times_ms, histories.owners
        begins = np.zeros(len(times), np.int64)
        begins[1:] = (times[:-1] - times[1:] > self.gap_ms) & (owners[1:] == owners[:-1])
        before = np.cumsum(begins)
        filled = np.diff(histories.indptr) > 0
        first = np.zeros(len(histories), np.int64)
        first[filled] = before[histories.indptr[:-1][filled]]
        sessions = before - first[owners]
        # The key of an item in one session: (running number of the session, item).
        keys = (before + owners) * (self.items + 1) + histories.items + 1
        once = np.zeros(len(times))
        once[np.unique(keys, return_index=True)[1]] = 1
        wanted = histories.grades >= 0
        return np.asarray(once * wanted * histories.weights * 2.0 ** (-sessions / self.half_life))
