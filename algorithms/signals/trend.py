"""Trend: what all users together did lately, by counts that halve with time; the same for every user.

    P(j) = log(offset + sum over counted events of w 2^(-age / half-life)), minus its mean over the items

A sum below 0 (more dislikes than likes) counts as 0.
Without a half-life it is all-time popularity, which a blend may subtract. `algorithms.signals.trend_counts`
says what is counted, and with which weight w; in Redis each event moves the same sums.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from algorithms.signals.history import UNKNOWN, Histories
from algorithms.signals.trend_counts import STANDS, Counted

Floats = NDArray[np.float64]
Integers = NDArray[np.integer[Any]]

_FEWEST_MS = 86_400_000  # half-lives below a day have small counts, which need a smaller offset
_FEWEST_BETWEEN, _MOST_MARKS = 2**13, 64  # events between the marks of a trend; marks
_MOST_HALVINGS = 60.0  # a sum is halved or doubled this often at most; beyond, only the order matters


class _ByMoment(Protocol):
    def at(self, moment: int) -> Floats: ...

    def instants(self, moments: NDArray[np.int64]) -> NDArray[np.int64]: ...


@dataclass(frozen=True)
class Trend:
    """A trend with the counts of one instant."""

    counts: Floats  # (items)
    at_ms: int
    half_life_ms: float  # 0: counts do not decay
    offset: float
    is_live: bool = False  # whether it was counted by the rule of the state, so that Redis may move it

    def score(self, histories: Histories) -> Floats:
        """(users, items): each user's at the time of the question."""
        return _score(self, histories, len(self.counts))

    def explain(self, history: Histories, targets: Integers) -> Floats:
        """(targets, entries): zero, since no history is asked."""
        return np.zeros((len(targets), len(history.items)))

    def at(self, moment: int) -> Floats:
        """(items): the scores at an instant, which may be before that of the counts."""
        scores = np.log(self.offset + np.maximum(self.counts, 0.0) * self._fade(moment))
        return np.asarray(scores - scores.mean())

    def instants(self, moments: NDArray[np.int64]) -> NDArray[np.int64]:
        """For each moment one at which the scores are the same; those of one instant are computed once."""
        return np.maximum(moments, self.at_ms) if self.half_life_ms else np.zeros_like(moments)

    def with_events(self, items: Integers, times_ms: Integers, weights: Floats | None = None) -> Trend:
        """The trend with further events, in any order; its instant moves to the newest one."""
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


@dataclass(frozen=True)
class CounterTrend:
    """A trend by the counters that Redis holds, which events have moved since the model was fitted.

    ``sums`` (items) are as in contracts.stored.records.Trend.score: log2 of the sums of w 2^(t / half-life),
    which do not change with the clock; for all-time popularity they are log2 of the sums. -inf: no count.
    """

    sums: Floats
    from_ms: int  # the time of the newest event that was counted, if known; questions are not before it
    half_life_ms: float
    offset: float

    def score(self, histories: Histories) -> Floats:
        """(users, items): each user's at the time of the question."""
        return _score(self, histories, len(self.sums))

    def explain(self, history: Histories, targets: Integers) -> Floats:
        """(targets, entries): zero, since no history is asked."""
        return np.zeros((len(targets), len(history.items)))

    def instants(self, moments: NDArray[np.int64]) -> NDArray[np.int64]:
        """As `Trend.instants`."""
        return np.maximum(moments, self.from_ms) if self.half_life_ms else np.zeros_like(moments)

    def at(self, moment: int) -> Floats:
        """(items): the scores at an instant."""
        halvings = max(moment, self.from_ms) / self.half_life_ms if self.half_life_ms else 0.0
        raised = np.exp2(np.minimum(self.sums - halvings, _MOST_HALVINGS))
        scores = np.log(self.offset + raised)
        return np.asarray(scores - scores.mean())


@dataclass(frozen=True)
class LiveTrend:
    """A trend as each event moves it, for questions of the past."""

    start: Trend  # the trend before any event
    items: Integers
    times_ms: NDArray[np.int64]
    weights: Floats  # negative where an event ceases to count
    from_ms: NDArray[np.int64]  # from when on each entry takes effect, ascending

    def score(self, histories: Histories) -> Floats:
        """(users, items): the scores by the events strictly before each question."""
        moments, place = np.unique(histories.now_ms, return_inverse=True)
        if not len(moments):
            return np.zeros((0, len(self.start.counts)))
        stops = np.searchsorted(self.from_ms, moments).tolist()
        mark = stops[0] // self._step
        rows, trend, counted = [], self._marks[mark], mark * self._step
        for moment, until in zip(moments.tolist(), stops, strict=True):
            trend, counted = self._with(trend, counted, until), until
            rows.append(trend.at(moment))
        return np.stack(rows)[place]

    def _with(self, trend: Trend, counted: int, until: int) -> Trend:
        """The trend with the events at these places."""
        new = slice(counted, until)
        return trend.with_events(self.items[new], self.times_ms[new], self.weights[new])

    @property
    def _step(self) -> int:
        return max(_FEWEST_BETWEEN, -(-len(self.items) // _MOST_MARKS))

    @cached_property
    def _marks(self) -> list[Trend]:
        """The trend after each ``_step`` events: a block of questions does not count all from the start."""
        marks = [self.start]
        for stop in range(self._step, len(self.items) + 1, self._step):
            marks.append(self._with(marks[-1], stop - self._step, stop))
        return marks

    def explain(self, history: Histories, targets: Integers) -> Floats:
        """(targets, entries): zero, since no history is asked."""
        return np.zeros((len(targets), len(history.items)))


def live_trend(counted: Counted, items: int, half_life_ms: float = 0.0) -> LiveTrend:
    """A trend of all events, where each counts from its own time until it was replaced."""
    gone = counted.until_ms != STANDS
    from_ms = np.concatenate([counted.times_ms, counted.until_ms[gone]])
    order = np.argsort(from_ms, kind="stable")
    return LiveTrend(
        start=_nothing(items, half_life_ms),
        items=np.concatenate([counted.items, counted.items[gone]])[order],
        times_ms=np.concatenate([counted.times_ms, counted.times_ms[gone]])[order],
        weights=np.concatenate([counted.weights, -counted.weights[gone]])[order],
        from_ms=from_ms[order],
    )


def fit_trend(
    counted: Counted,
    items: int,
    half_life_ms: float = 0.0,
    offset: float | None = None,
    is_live: bool = False,
) -> Trend:
    """A trend of the events that still count. ``offset`` None: 1 for half-lives from a day on, else 0.1."""
    standing = counted.standing()
    nothing = replace(_nothing(items, half_life_ms, offset), is_live=is_live)
    return nothing.with_events(standing.items, standing.times_ms, standing.weights)


def _nothing(items: int, half_life_ms: float, offset: float | None = None) -> Trend:
    if offset is None:
        offset = 0.1 if 0 < half_life_ms < _FEWEST_MS else 1.0
    return Trend(np.zeros(items), 0, half_life_ms, offset)


def _score(trend: _ByMoment, histories: Histories, items: int) -> Floats:
    scores, rows = np.empty((len(histories), items)), dict[int, int]()
    for row, instant in enumerate(trend.instants(histories.now_ms).tolist()):
        first = rows.setdefault(instant, row)
        scores[row] = trend.at(instant) if first == row else scores[first]
    return scores
