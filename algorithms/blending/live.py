"""A served blend after the events since its fit: with trends by the counters in Redis, and with new items.

The new items come after the model's items. Fitted signals do not know them; they are scored by trends, by
repeats, and by factors if an item has provisional ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from algorithms.blending.serialization import ServedBlend
from algorithms.signals.factors import Factors, products
from algorithms.signals.history import UNKNOWN, Histories
from algorithms.signals.repeats import Repeats
from algorithms.signals.signal import Signal
from algorithms.signals.trend import CounterTrend, Trend

Floats = NDArray[np.float64]
POPULARITY = 0.0  # the half-life of all-time popularity
MOST_ITEMS = 100_000  # how many items of a half-life are read, best first
HALVINGS = 40  # items further below the best one than this are not read, since they would add nothing
# Counters are read again after this multiple of the time that reading took: a twentieth of the time at most.
_PAUSES, _LONGEST_PAUSE = 20.0, 15.0


def live_half_lives(served: ServedBlend) -> set[float]:
    """The half-lives (ms; 0: all-time popularity) of the trends that counters may move."""
    signals = served.signals.values()
    return {each.half_life_ms for each in signals if isinstance(each, Trend) and each.is_live}


class Sums(NamedTuple):
    """The counts in Redis for the items that are ranked."""

    by_half_life: Mapping[float, Floats]  # in ms (0: all-time popularity) -> CounterTrend.sums
    # The time of the newest event that is counted. Questions are not before it; it may be long ago, where an
    # old log is sent again.
    newest_ms: int = 0


def least_read(half_life: float, best: float) -> float | str:
    """The lowest score to read for a half-life, as Redis takes it; ``best``: the score of its best item."""
    return "(0" if half_life == POPULARITY else best - HALVINGS


def pause_after(seconds: float) -> float:
    """For how many seconds a reading of the counters is used, from how long it took."""
    return min(_LONGEST_PAUSE, _PAUSES * seconds)


def as_sums(half_life: float, counts: Sequence[float]) -> Floats:
    """`CounterTrend.sums` from scores of Redis, which counts all-time popularity without a logarithm."""
    scores = np.array(counts, np.float64)
    return np.log2(scores) if half_life == POPULARITY else scores


def place_sums(places: NDArray[np.integer[Any]], sums: Floats, many: int) -> Floats:
    """(many): the sums at their places; a place below 0 or beyond the end is left out."""
    placed = np.full(many, -np.inf)
    there = (places >= 0) & (places < many)
    placed[places[there]] = sums[there]
    return placed


def live_blend(served: ServedBlend, sums: Sums, size: int, new_factors: NDArray[np.float32]) -> ServedBlend:
    """The blend over the model's ``size`` items, followed by the new ones.

    A trend without ``sums`` (size + new items) stays as it was fitted.
    ``new_factors`` (new, rank) are zero for an item without one.
    """
    signals = {name: _live(signal, sums, size, new_factors) for name, signal in served.signals.items()}
    return ServedBlend(served.blend, signals)


def _live(signal: Signal, sums: Sums, size: int, new_factors: NDArray[np.float32]) -> Signal:
    if isinstance(signal, Trend) and signal.is_live and signal.half_life_ms in sums.by_half_life:
        from_ms = max(signal.at_ms, sums.newest_ms)
        counted = sums.by_half_life[signal.half_life_ms]
        return CounterTrend(counted, from_ms, signal.half_life_ms, signal.offset)
    if isinstance(signal, Repeats):
        return replace(signal, items=size + len(new_factors))
    if isinstance(signal, Trend):
        counts = np.concatenate([signal.counts, np.zeros(len(new_factors))])
        return replace(signal, counts=counts)
    return _Widened(signal, size, new_factors) if len(new_factors) else signal


@dataclass(frozen=True)
class _Widened:
    """A fitted signal extended to new items, which score 0, except by factors."""

    signal: Signal
    size: int
    new_factors: NDArray[np.float32]

    def score(self, histories: Histories) -> Floats:
        """(users, items and new items): the scores."""
        known = self._of_model(histories)
        scores = np.zeros((len(histories), self.size + len(self.new_factors)))
        if isinstance(self.signal, Factors):
            vectors = self.signal.user_factors(known)
            scores[:, : self.size] = products(vectors, self.signal.item_factors)
            scores[:, self.size :] = products(vectors, self.new_factors)
        else:
            scores[:, : self.size] = self.signal.score(known)
        return scores

    def explain(self, history: Histories, targets: NDArray[np.integer[Any]]) -> Floats:
        """(targets, entries): 0 for a new item."""
        shares = np.zeros((len(targets), len(history.items)))
        of_model = np.asarray(targets) < self.size
        shares[of_model] = self.signal.explain(self._of_model(history), targets[of_model])
        return shares

    def _of_model(self, histories: Histories) -> Histories:
        items = histories.items
        if (items < self.size).all():  # then what signals compute of the histories is shared
            return histories
        return replace(histories, items=np.where(items < self.size, items, UNKNOWN).astype(np.int32))
