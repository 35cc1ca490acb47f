"""The blend: each signal's scores in units of their deviation, times its weight, summed.

    S(j) = sum over signals of (g hot_s + (1 - g) cold_s) x_s(j) / deviation_s        g = 2^(-hours / 8)

The deviation is that of the signal's scores over the whole catalogue for this user. Their mean is not
subtracted, because it would only move all items of a user by the same number. So an item that no signal
knows scores 0, and the shares of the signals and of the history's entries add up exactly to the score.

There are two horizons, because weights that are best within a session are worse a day later. ``hours`` are
those between the user's last event and the question.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from algorithms.blending.deviation import deviations
from algorithms.blending.touched_items import Weighted, rank_touched, score_touched, shared_factors
from algorithms.signals.factors import Factors
from algorithms.signals.history import UNKNOWN, Histories
from algorithms.signals.signal import Signal
from algorithms.top_n import best_of_rows
from contracts.stored.hotness import HOTNESS_STEP

Floats = NDArray[np.float64]
Signals = Mapping[str, Signal]

HALF_LIFE_HOURS = 8.0
# Above this number of items, scoring all of them takes longer than ranking without that.
MANY_ITEMS = 250_000
# users x items of a block: 2 MiB for each signal. Memory of larger arrays goes back to the system each time.
_BLOCK_NUMBERS = 2**18


class KnownItems(NamedTuple):
    """All items that each user has had, as CSR, because histories may hold only the newest entries."""

    indptr: NDArray[np.int64]
    items: NDArray[np.int32]


class Scored(NamedTuple):
    """A signal's scores, and their deviations."""

    scores: Floats  # (users, items)
    deviations: Floats  # (users)


class Explanation(NamedTuple):
    """Shares that add up to the scores of some targets of one user."""

    scores: Floats  # (targets)
    by_signal: dict[str, Floats]  # by signal (targets); they add up to the score
    by_entry: dict[str, Floats]  # by signal (targets, entries); 0 for a trend


@dataclass(frozen=True)
class Blend:
    """Weights by the signals' names, right after an event (hot) and long after it (cold)."""

    hot: Mapping[str, float]
    cold: Mapping[str, float]
    with_known_items: bool = False  # whether items that the user has had may be recommended
    half_life_hours: float = field(default=HALF_LIFE_HOURS)
    # The first items, over which deviations are taken; None: all. New items after the model's do not change
    # the units, so that one of them with large factors does not make its signal count less for all others.
    unit_items: int | None = None

    @cached_property
    def names(self) -> list[str]:
        """The signals that have a weight; no others are computed."""
        weighted = {**self.hot, **self.cold}
        return [name for name in weighted if self.hot.get(name) or self.cold.get(name)]

    def hotness(self, histories: Histories) -> Floats:
        """(users): g, from 1 right after the last event to 0, in the steps in which lists store it."""
        return self.hotness_after(histories.hours_since_last)

    def hotness_after(self, hours: Floats, behind: Floats | None = None) -> Floats:
        """As `hotness`, for users whose last event arrived that many hours ago.

        ``behind`` (users): by how many hours that event is older than the newest one of all users. A log that
        is imported has such events, and so has a phone that was offline: its user may be there now, or was
        there then. Nobody knows, so hotness is the mean of both.
        """
        there = 2.0 ** (-hours / self.half_life_hours)
        if behind is not None:
            there = (there + 2.0 ** (-np.maximum(hours, behind) / self.half_life_hours)) / 2
        return np.asarray(np.rint(there / HOTNESS_STEP) * HOTNESS_STEP)

    def weights_at(self, hotness: Floats) -> dict[str, Floats]:
        """By signal (users): what it weighs for users who are that hot."""
        hot = np.multiply.outer([self.hot.get(name, 0.0) for name in self.names], hotness)
        cold = np.multiply.outer([self.cold.get(name, 0.0) for name in self.names], 1 - hotness)
        return dict(zip(self.names, hot + cold, strict=True))

    def score(self, signals: Signals, histories: Histories, hotness: Floats | None = None) -> Floats:
        """(users, items): the scores. A user's scores do not depend on the other users.

        ``hotness`` (users); None: that of the histories.
        Raises KeyError where a signal with a weight is not given, ValueError without any signal.
        """
        hot = self.hotness(histories) if hotness is None else hotness
        return self.add_up(lambda name: scores_of(signals[name], histories, self.unit_items), hot)

    def add_up(self, score_by: Callable[[str], Scored], hotness: Floats) -> Floats:
        """(users, items): the scores, from those of each signal by its name, which are changed in place.

        Raises ValueError without any signal.
        """
        total = None
        for name, weights in self.weights_at(hotness).items():
            if total is not None and not weights.any():
                continue
            scores, spread = score_by(name)
            scores *= (weights / spread)[:, None]
            total = scores if total is None else np.add(total, scores, out=total)
        if total is None:
            raise ValueError("a blend needs at least one signal with a weight")
        return total

    def score_items(self, signals: Signals, history: Histories, targets: NDArray[np.integer[Any]]) -> Floats:
        """(targets): the scores of some items for one user."""
        if self.is_large(signals):
            return score_touched(self._weigh(signals, self.hotness(history)), history, targets)
        return np.asarray(self.score(signals, history)[0, targets])

    def rank(
        self,
        signals: Signals,
        histories: Histories,
        n: int,
        *,
        known: KnownItems | None = None,
        hotness: Floats | None = None,
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """(users, n) items and scores, best first; -1 and -inf where fewer items score above 0.

        A user without a history gets no list: cold start decides what to show.
        ``known`` items (None: those of the histories) are left out unless the blend allows known items. It
        never allows items that their user does not want (a grade below 0). ``hotness`` is as in `score`.
        """
        hot = self.hotness(histories) if hotness is None else hotness
        indexes = np.empty((len(histories), n), np.int32)
        best = np.empty((len(histories), n), np.float32)
        if self.is_large(signals):
            for user in range(len(histories)):
                _, items = self._left_out(histories, known, user, user + 1)
                history = histories.rows(user, user + 1)
                weighted = self._weigh(signals, hot[user : user + 1])
                indexes[user], best[user] = rank_touched(weighted, history, items, n)
            return indexes, best
        for start, scores in self._blocks(signals, histories, hot):
            found = self.list_best(scores, histories, n, known=known, first=start)
            indexes[start : start + len(scores)], best[start : start + len(scores)] = found
        return indexes, best

    def list_best(
        self, scores: Floats, histories: Histories, n: int, *, known: KnownItems | None = None, first: int = 0
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """As `rank`, by given scores of the users from ``first``, which are changed in place."""
        stop = first + len(scores)
        rows, items = self._left_out(histories, known, first, stop)
        scores[rows, items] = -np.inf
        scores[histories.lengths[first:stop] == 0] = -np.inf
        return best_of_rows(scores, n)

    def _left_out(
        self, histories: Histories, known: KnownItems | None, start: int, stop: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        if self.with_known_items:
            return _unwanted_cells(histories, start, stop)
        return _known_cells(histories, known, start, stop)

    def explain(self, signals: Signals, history: Histories, targets: NDArray[np.integer[Any]]) -> Explanation:
        """Why some items score what they score for one user."""
        by_signal, by_entry = {}, {}
        for name, weights in self.weights_at(self.hotness(history)).items():
            if not weights[0]:
                continue
            scores = signals[name].score(history)
            factor = weights[0] / deviations(scores[:, : self.unit_items])[0]
            by_signal[name] = factor * scores[0, targets]
            by_entry[name] = factor * signals[name].explain(history, targets)
        total = np.sum(list(by_signal.values()), axis=0) if by_signal else np.zeros(len(targets))
        return Explanation(total, by_signal, by_entry)

    def is_large(self, signals: Signals) -> bool:
        """Whether there are very many items, and the signals can rank them without scoring all."""
        weighted = [signals[name] for name in self.names]
        sizes = [len(each.item_factors) for each in weighted if isinstance(each, Factors)]
        return max(sizes, default=0) > MANY_ITEMS and shared_factors(weighted) is not None

    def _weigh(self, signals: Signals, hotness: Floats) -> list[Weighted]:
        """The signals with their weights for one user, who is that hot."""
        weights = self.weights_at(hotness)
        return [Weighted(signals[name], float(weight)) for name, (weight,) in weights.items()]

    def _blocks(
        self, signals: Signals, histories: Histories, hotness: Floats
    ) -> Iterator[tuple[int, Floats]]:
        if not len(histories):
            return
        # The first shows how many items there are.
        first = self.score(signals, histories if len(histories) == 1 else histories.rows(0, 1), hotness[:1])
        yield 0, first
        step = max(1, _BLOCK_NUMBERS // max(1, first.shape[1]))
        for start in range(1, len(histories), step):
            stop = min(start + step, len(histories))
            yield start, self.score(signals, histories.rows(start, stop), hotness[start:stop])


def scores_of(signal: Signal, histories: Histories, unit_items: int | None = None) -> Scored:
    """The signal's scores for some users; ``unit_items`` as in `Blend`."""
    scores = signal.score(histories)
    return Scored(scores, deviations(scores[:, :unit_items]))


def _known_cells(
    histories: Histories, known: KnownItems | None, start: int, stop: int
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    indptr, items = (histories.indptr, histories.items) if known is None else known
    cells = items[indptr[start] : indptr[stop]]
    rows = np.repeat(np.arange(stop - start), indptr[start + 1 : stop + 1] - indptr[start:stop])
    is_known = cells != UNKNOWN
    return rows[is_known], cells[is_known]


def _unwanted_cells(
    histories: Histories, start: int, stop: int
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    block = histories.rows(start, stop)
    unwanted = (block.grades < 0) & block.is_newest_of_item
    return block.owners[unwanted], block.items[unwanted]
