"""Trend: what everybody has been at lately, by counts that halve with time; the same for all users.

    P(j) = log(offset + sum over events of 2^(-age / half-life)), minus its mean over the items

Without a half-life it is all-time popularity, which a blend may subtract.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from algorithms.signals.history import UNKNOWN, Histories

Floats = NDArray[np.float64]
Integers = NDArray[np.integer[Any]]

_FEWEST_MS = 86_400_000  # half-lives below a day have small counts, which a smaller offset tells apart


@dataclass(frozen=True)
class Trend:
    """Counts as they were at an instant."""

    counts: Floats  # (items)
    at_ms: int
    half_life_ms: float  # 0: nothing is forgotten
    offset: float

    def score(self, histories: Histories) -> Floats:
        """(users, items): each user's at the time of the question."""
        moments, place = np.unique(histories.now_ms, return_inverse=True)
        return np.stack([self.at(int(moment)) for moment in moments])[place] if len(moments) else self._none()

    def explain(self, history: Histories, targets: Integers) -> Floats:
        """(targets, entries): zero, since no history is asked."""
        return np.zeros((len(targets), len(history.items)))

    def at(self, moment: int) -> Floats:
        """(items) at an instant, which may lie before the counts' own."""
        scores = np.log(self.offset + self.counts * self._fade(moment))
        return np.asarray(scores - scores.mean())

    def with_events(self, items: Integers, times_ms: Integers, weights: Floats | None = None) -> Trend:
        """With further events, in any order; the instant moves to the newest one."""
        known = np.asarray(items) != UNKNOWN
        if not known.any():
            return self
        times = np.asarray(times_ms, np.float64)[known]
        moment = max(self.at_ms, int(times.max()))
        amounts = np.ones(len(times)) if weights is None else np.asarray(weights, np.float64)[known]
        if self.half_life_ms:
            amounts = amounts * 2.0 ** ((times - moment) / self.half_life_ms)
        added = np.bincount(np.asarray(items)[known], amounts, len(self.counts))
        return replace(self, counts=self.counts * self._fade(moment) + added, at_ms=moment)

    def _fade(self, moment: int) -> float:
        if not self.half_life_ms:
            return 1.0
        return float(2.0 ** -min(1000.0, max(0.0, (moment - self.at_ms) / self.half_life_ms)))

    def _none(self) -> Floats:
        return np.zeros((0, len(self.counts)))


@dataclass(frozen=True)
class LiveTrend:
    """A trend that events after its instant move, as the served one: for questions of the past."""

    start: Trend
    items: Integers
    times_ms: NDArray[np.int64]  # ascending
    weights: Floats

    def score(self, histories: Histories) -> Floats:
        """(users, items): by the events strictly before each question."""
        moments, place = np.unique(histories.now_ms, return_inverse=True)
        rows, trend, counted = [], self.start, 0
        for moment, until in zip(moments, np.searchsorted(self.times_ms, moments), strict=True):
            new = slice(counted, int(until))
            trend = trend.with_events(self.items[new], self.times_ms[new], self.weights[new])
            counted = int(until)
            rows.append(trend.at(int(moment)))
        return np.stack(rows)[place] if rows else np.zeros((0, len(self.start.counts)))

    def explain(self, history: Histories, targets: Integers) -> Floats:
        """(targets, entries): zero, since no history is asked."""
        return np.zeros((len(targets), len(history.items)))


def live_trend(start: Trend, events: Histories) -> LiveTrend:
    """With the events of these histories that came after the trend's instant."""
    order = np.argsort(events.times_ms, kind="stable")
    order = order[events.times_ms[order] > start.at_ms]
    return LiveTrend(start, events.items[order], events.times_ms[order], events.weights[order])


def fit_trend(
    histories: Histories, items: int, half_life_ms: float = 0.0, offset: float | None = None
) -> Trend:
    """From all events by their weights. ``offset`` None: 1 for half-lives of a day and more, else 0.1."""
    if offset is None:
        offset = 0.1 if 0 < half_life_ms < _FEWEST_MS else 1.0
    nothing = Trend(np.zeros(items), 0, half_life_ms, offset)
    return nothing.with_events(histories.items, histories.times_ms, histories.weights)
