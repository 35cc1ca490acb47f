"""A served blend after the events since its fit: with trends by the counters in Redis, and with new items.

The new items come after the model's items. Fitted signals do not know them. They are scored by trends, by
repeats, and by factors if an item has provisional ones, from its first users or from its content. Factors by
content are small, as all that is common to many items is; so they also stand in for the other signals of what
goes with what, in the unit of each. Factors from users do not: with that, they would rank too high.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from algorithms.blending.deviation import deviation_of_sums, deviations
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


class ProvisionalFactors(NamedTuple):
    """Factors of new items: from their first users, else by their content, else zero."""

    factors: NDArray[np.float32]  # (new items, rank)
    placed: NDArray[np.bool_]  # (new items): False where they come from users


def provisional_factors(
    of_users: Sequence[bytes | None], by_content: Sequence[bytes | None], rank: int
) -> ProvisionalFactors:
    """The factors of new items from both of each, which are little-endian float32 as stored, or None."""
    factors = np.zeros((len(of_users), rank), np.float32)
    for place, raw in enumerate(of_users):
        if raw:
            factors[place] = np.frombuffer(raw, "<f4")
    placed = np.asarray(~factors.any(axis=1))
    for place in np.flatnonzero(placed).tolist():
        if raw := by_content[place]:
            factors[place] = np.frombuffer(raw, "<f4")
    return ProvisionalFactors(factors, placed)


def live_blend(
    served: ServedBlend,
    sums: Sums,
    size: int,
    new_factors: NDArray[np.float32],
    placed: NDArray[np.bool_] | None = None,
) -> ServedBlend:
    """The blend over the model's ``size`` items, followed by the new ones.

    A trend without ``sums`` (size + new items) stays as it was fitted.
    ``new_factors`` (new, rank) are zero for an item without one; ``placed`` (new) says which of them follow
    from content alone (None: none).
    """
    stand_in, signals = None, dict(served.signals)
    for name, signal in signals.items():
        if isinstance(signal, Factors) and len(new_factors):
            signals[name] = signal.with_new(new_factors)
    if served.factors is not None and placed is not None and new_factors[placed].any():
        # The blend's own factors, if it has any, so that users are folded in once.
        fitted = [signal for signal in signals.values() if isinstance(signal, Factors)]
        factors = fitted[0] if fitted else served.factors.with_new(new_factors)
        stand_in = _StandIn(factors, size, placed)
    signals = {name: _live(signal, sums, size, new_factors, stand_in) for name, signal in signals.items()}
    return replace(served, blend=replace(served.blend, unit_items=size), signals=signals)


def new_item_scores(
    served: ServedBlend,
    histories: Histories,
    hotness: Floats,
    new_factors: NDArray[np.float32],
    placed: NDArray[np.bool_],
) -> Floats:
    """(users, new items): their scores by the factors, in the units and with the weights of the blend."""
    scores = np.zeros((len(histories), len(new_factors)))
    if served.factors is None:
        return scores
    every = np.ones(len(new_factors), np.bool_)
    of_all = _StandIn(served.factors.with_new(new_factors), len(served.factors.item_factors), every)
    for name, weights in served.blend.weights_at(hotness).items():
        signal = served.signals[name]
        if not isinstance(signal, Trend | Repeats):
            scores += weights[:, None] * of_all.score(histories) * (isinstance(signal, Factors) | placed)
    return scores


def _live(
    signal: Signal, sums: Sums, size: int, new_factors: NDArray[np.float32], stand_in: _StandIn | None
) -> Signal:
    if isinstance(signal, Trend) and signal.is_live and signal.half_life_ms in sums.by_half_life:
        from_ms = max(signal.at_ms, sums.newest_ms)
        counted = sums.by_half_life[signal.half_life_ms]
        return CounterTrend(counted, from_ms, signal.half_life_ms, signal.offset)
    if isinstance(signal, Repeats):
        return replace(signal, items=size + len(new_factors))
    if isinstance(signal, Trend) and not sums.by_half_life:
        # Nothing was counted since the fit, which says nothing about new items.
        return _Widened(signal, size, len(new_factors), None)
    if isinstance(signal, Trend):
        counts = np.concatenate([signal.counts, np.zeros(len(new_factors))])
        return replace(signal, counts=counts)
    if isinstance(signal, Factors):
        return signal
    return _Widened(signal, size, len(new_factors), stand_in) if len(new_factors) else signal


class _StandIn:
    """Scores new items by the factors, in units of the deviation of the model's items."""

    def __init__(self, factors: Factors, size: int, chosen: NDArray[np.bool_]) -> None:
        """``factors`` know the new items, whose places begin at ``size``; all but the ``chosen`` score 0."""
        self._factors, self._size, self._chosen = factors, size, chosen
        self._last: tuple[Histories, Floats] | None = None

    def score(self, histories: Histories) -> Floats:
        """(users, new items). The signals of a blend ask for the same histories, so the last are kept."""
        last = self._last  # read once, because other threads ask as well
        if last is None or last[0] is not histories:
            vectors = self._factors.user_factors(histories)
            assert self._factors.new_factors is not None
            scores = products(vectors, self._factors.new_factors)
            self._last = last = histories, scores / self._units(vectors)[:, None] * self._chosen
        return last[1]

    def explain(self, history: Histories, targets: NDArray[np.integer[Any]]) -> Floats:
        """(targets, entries)."""
        unit = float(self._units(self._factors.user_factors(history))[0])
        chosen = self._chosen[np.asarray(targets) - self._size]
        return np.asarray(self._factors.explain(history, targets) / unit * chosen[:, None])

    def _units(self, vectors: NDArray[np.float32]) -> Floats:
        exact = vectors.astype(np.float64)
        totals = exact @ self._factors.column_sums
        squares = np.einsum("ur,rs,us->u", exact, self._factors.gramian, exact)
        pairs = zip(totals.tolist(), squares.tolist(), strict=True)
        return np.array([deviation_of_sums(total, square, self._size) for total, square in pairs])


@dataclass(frozen=True)
class _Widened:
    """A fitted signal extended to new items, which score by what stands in for it, if anything."""

    signal: Signal
    size: int
    many: int
    stand_in: _StandIn | None

    def score(self, histories: Histories) -> Floats:
        """(users, items and new items): the scores."""
        scores = np.zeros((len(histories), self.size + self.many))
        scores[:, : self.size] = self.signal.score(self._of_model(histories))
        if self.stand_in is not None:
            scores[:, self.size :] = self.stand_in.score(histories) * self._units(scores)[:, None]
        return scores

    def explain(self, history: Histories, targets: NDArray[np.integer[Any]]) -> Floats:
        """(targets, entries)."""
        known, of_model = self._of_model(history), np.asarray(targets) < self.size
        shares = np.zeros((len(targets), len(history.items)))
        shares[of_model] = self.signal.explain(known, targets[of_model])
        if self.stand_in is not None and not of_model.all():
            unit = self._units(self.signal.score(known))[0]
            shares[~of_model] = unit * self.stand_in.explain(history, targets[~of_model])
        return shares

    def _units(self, scores: Floats) -> Floats:
        """(users): of the model's items; 0 where all of them score alike."""
        units = deviations(scores[:, : self.size])
        return np.where(np.isfinite(units), units, 0.0)

    def _of_model(self, histories: Histories) -> Histories:
        items = histories.items
        if (items < self.size).all():  # then what signals compute of the histories is shared
            return histories
        return replace(histories, items=np.where(items < self.size, items, UNKNOWN).astype(np.int32))
