"""Ranks one user by a blend in a large catalogue without scoring all items.

The rows of a history's items touch some thousand items. All others score by factors alone, so the best of
them are found as lists by factors are (`algorithms.neighbours.product_scan`): the factors of several signals,
each in units of its deviation and times its weight, sum to one vector. Deviations follow from sums: over what
is touched, and for factors from their Gramian and the sums of their columns. The list is that of all scores,
up to rounding. A signal that scores all items, such as a trend, cannot be ranked so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from algorithms.blending.deviation import deviation_of_sums
from algorithms.neighbours.product_scan import are_among
from algorithms.signals.factors import Factors
from algorithms.signals.history import Histories
from algorithms.signals.rows import Touched
from algorithms.signals.signal import Signal
from algorithms.top_n import pair_scores

Floats = NDArray[np.float64]
Indexes = NDArray[np.int32]
Integers = NDArray[np.integer[Any]]


@runtime_checkable
class Touches(Protocol):
    """A signal that scores 0 for all items but some."""

    def touch(self, history: Histories) -> Touched:
        """The items that score something else than 0 for one user."""
        ...


class Weighted(NamedTuple):
    """A signal and its weight for one user."""

    signal: Signal
    weight: float


class _Sum(NamedTuple):
    """What a blend's signals say for one user, each times its weight and in units of its deviation."""

    touched: Touched
    vector: NDArray[np.float32]  # the sum of all factors


def shared_factors(signals: Sequence[Signal]) -> Factors | None:
    """The factors among the signals, if all have the same items, and each other signal touches few of them.

    None where that is not so, or none are factors: then all items have to be scored.
    """
    factors = [each for each in signals if isinstance(each, Factors)]
    if not factors or not all(isinstance(each, Factors | Touches) for each in signals):
        return None
    return factors[0] if all(each.item_factors is factors[0].item_factors for each in factors) else None


def rank_touched(
    weighted: Sequence[Weighted], history: Histories, left_out: Indexes, n: int
) -> tuple[Indexes, NDArray[np.float32]]:
    """(n) items and scores, best first, as `Blend.rank` gives them; the signals must have shared factors.

    ``left_out`` items are not listed.
    """
    if not len(history.items):
        return np.full(n, -1, np.int32), np.full(n, -np.inf, np.float32)
    factors = _needed_factors(weighted)
    (items, scores), vector = _add_up(weighted, history, factors)
    scores = scores + pair_scores(vector[None], factors.item_factors, np.zeros(len(items), np.int64), items)
    known = np.concatenate([items, left_out]).astype(np.int32)
    found, others = factors.lists.best(vector[None], np.array([0, len(known)], np.int64), known, n)
    wanted = ~are_among(items, np.sort(left_out))
    candidates = np.concatenate([items[wanted], found[0]])
    together = np.concatenate([scores[wanted], others[0]])
    above = together > 0
    candidates, together = candidates[above], together[above]
    order = np.lexsort((candidates, -together))[:n]
    indexes, best = np.full(n, -1, np.int32), np.full(n, -np.inf, np.float32)
    indexes[: len(order)], best[: len(order)] = candidates[order], together[order]
    return indexes, best


def score_touched(weighted: Sequence[Weighted], history: Histories, targets: Integers) -> Floats:
    """(targets): the scores of some items, as in `Blend.score`; the signals must have shared factors."""
    factors = _needed_factors(weighted)
    (items, scores), vector = _add_up(weighted, history, factors)
    places = targets.astype(np.int32)
    found = are_among(places, items)
    products = pair_scores(vector[None], factors.item_factors, np.zeros(len(places), np.int64), places)
    total = products.astype(np.float64)
    total[found] += scores[np.searchsorted(items, places[found])]
    return total


def _needed_factors(weighted: Sequence[Weighted]) -> Factors:
    factors = shared_factors([each.signal for each in weighted])
    if factors is None:
        raise ValueError("ranking without scoring all items needs factors, and signals that touch few items")
    return factors


def _add_up(weighted: Sequence[Weighted], history: Histories, factors: Factors) -> _Sum:
    items, scores = [np.empty(0, np.int32)], [np.empty(0)]
    vector, size = np.zeros(factors.item_factors.shape[1]), len(factors.item_factors)
    for signal, weight in weighted:
        if not weight:
            continue
        if isinstance(signal, Factors):
            of_user = signal.user_factors(history)[0].astype(np.float64)
            total, squares = of_user @ signal.column_sums, of_user @ signal.gramian @ of_user
            vector += weight / deviation_of_sums(float(total), float(squares), size) * of_user
        elif isinstance(signal, Touches):
            touched = signal.touch(history)
            total, squares = touched.scores.sum(), touched.scores @ touched.scores
            items.append(touched.items)
            scale = weight / deviation_of_sums(float(total), float(squares), size)
            scores.append(scale * touched.scores)
    distinct, place = np.unique(np.concatenate(items), return_inverse=True)
    summed: Floats = np.bincount(place, np.concatenate(scores), len(distinct)).astype(np.float64)
    return _Sum(Touched(distinct.astype(np.int32), summed), vector.astype(np.float32))
