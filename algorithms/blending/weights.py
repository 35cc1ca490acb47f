"""Searches the weights of a blend by questions about the past: few weights, of signals that surely help.

The search starts from the default weights. First, signals leave whose absence does not surely cost NDCG@10.
Then, again and again, the signal enters that adds most; its weight is searched, and all weights are refined
by coordinate ascent (factors 1.6, then 1.25). "Surely" means that the 95 % interval of the paired difference,
drawn over whole users, is above 0. A signal must also add a hundredth, and leaves at the end if it no longer
does both. A second search starts from the best single signal, and the better of the two results is taken.
Only the seeded bootstrap is random.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from algorithms.blending.questions import Candidates
from algorithms.bootstrap import Figure, paired_difference
from algorithms.parallel import parallel_map
from algorithms.signals.signal import Signal

Floats = NDArray[np.float64]
Weights = dict[str, float]

K = 10
_ENTERING = (0.1, 0.2, 0.4, 0.8, 1.6)  # weights at which a signal is tried, in units of the first one's
_NEGATIVE = (-0.15, -0.3)  # weights of all-time popularity beside a trend, which favour new, rising items
_FACTORS = ((1.6, (-3, -2, -1, 1, 2, 3)), (1.25, (-1, 1)))  # with the powers that are tried
_ROUNDS = 3  # rounds of coordinate ascent with each factor
_LEAST_GAIN = 0.01  # share of the quality so far; a signal that adds less is not worth computing
_TRIED = 4  # how many signals are tried for entry at each step, best gain first

# Families of signals, and the default weights where there are too few questions for a choice.
FACTORS, ITEM_TO_ITEM, LONG_VIEW = "factors", "item_to_item", "long_view"
TRANSITIONS, REPEATS, TREND, POPULARITY = "transitions", "repeats", "trend", "popularity"
DEFAULT_HOT: Mapping[str, float] = {ITEM_TO_ITEM: 1.0, TRANSITIONS: 1.2, FACTORS: 0.3}
DEFAULT_COLD: Mapping[str, float] = {LONG_VIEW: 1.0, TRANSITIONS: 0.15, FACTORS: 0.2}
# Halfway between them, for data where the order within a session says less.
DEFAULT_HALFWAY: Mapping[str, float] = {ITEM_TO_ITEM: 1.0, TRANSITIONS: 1.35, FACTORS: 0.5, LONG_VIEW: 1.0}
ANY_HORIZON = frozenset({REPEATS, TREND, POPULARITY})  # families that a horizon without a choice takes over


class Candidate(NamedTuple):
    """A fitted signal that may enter: one of a family's settings, the default one first."""

    name: str
    family: str
    signal: Signal


class Step(NamedTuple):
    """A signal that entered or left, and what that changed in NDCG@10 (interval over users)."""

    name: str
    weight: float
    gain: Figure


def ndcg(scored: Candidates, weights: Mapping[str, float], with_known_items: bool, k: int = K) -> Floats:
    """(questions): NDCG of lists by these weights; a positive that is not a candidate is never found."""
    return scored.lists(with_known_items).ndcg(weights, k)


def best_search(
    offered: Sequence[Candidate], scored: Candidates, starts: Sequence[Weights], with_known: bool
) -> tuple[Weights, list[Step]]:
    """The best result of searches from several starts."""
    searched = list(parallel_map(lambda start: _search(offered, scored, start, with_known), starts))
    # Where results are equal, max takes the first.
    return max(searched, key=lambda each: float(ndcg(scored, each[0], with_known).mean()))


def best_single(offered: Sequence[Candidate], scored: Candidates, with_known: bool) -> Weights:
    """The signal that ranks best alone."""
    best = max(offered, key=lambda each: float(ndcg(scored, {each.name: 1.0}, with_known).mean()))
    return {best.name: 1.0}


def _search(
    offered: Sequence[Candidate], scored: Candidates, start: Weights, with_known: bool
) -> tuple[Weights, list[Step]]:
    """Search from a start: signals that do not help leave, those that help enter, and may leave again."""

    def leave(weights: Weights, surely: bool) -> Weights:
        while left := _leave(scored, weights, with_known, surely):
            weights, step = left
            steps.append(step)
        return weights

    steps = list[Step]()
    weights = ascend(scored, leave(start, True), with_known, offered)
    while entered := _enter(offered, scored, weights, with_known):
        weights, step = entered
        steps.append(step)
    return leave(weights, False), steps


def _enter(
    offered: Sequence[Candidate], scored: Candidates, weights: Weights, with_known: bool
) -> tuple[Weights, Step] | None:
    """Add the best signal that surely helps, and refine all weights; None where there is none."""
    trials = scored.lists(with_known)
    base = trials.blend(weights)
    before = trials.ndcg(weights, K)
    taken = {each.family for each in offered if each.name in weights and each.family != TREND}
    has_trend = any(each.name in weights for each in offered if each.family == TREND)
    tried = []
    for each in offered:
        if each.name in weights or each.family in taken:
            continue
        grid = _ENTERING if each.family != POPULARITY or not has_trend else (*_ENTERING, *_NEGATIVE)
        scores = trials.scores[each.name]
        quality = [float(trials.ndcg_of(base + w * scores, K).mean()) for w in grid]
        best = int(np.argmax(quality))
        tried.append((quality[best], each.name, grid[best]))
    for _, name, weight in sorted(tried, key=lambda entry: -entry[0])[:_TRIED]:
        refined = ascend(scored, {**weights, name: weight}, with_known, offered)
        gain = difference(scored, ndcg(scored, refined, with_known), before)
        if gain.low > 0 and gain.mean >= _LEAST_GAIN * before.mean():
            entered = next(other for other in refined if other not in weights or other == name)
            return refined, Step(entered, refined[entered], gain)
    return None


def _leave(
    scored: Candidates, weights: Weights, with_known: bool, surely: bool
) -> tuple[Weights, Step] | None:
    """Remove the signal whose absence costs least, if that is not sure; else None.

    ``surely``: however little it surely costs, the signal stays; if False, a cost under a hundredth does not
    count.
    """
    if len(weights) == 1:
        return None
    whole, least = ndcg(scored, weights, with_known), None
    for name in weights:
        rest = {other: weight for other, weight in weights.items() if other != name}
        cost = difference(scored, whole, ndcg(scored, rest, with_known))
        little = cost.low <= 0 or (not surely and cost.mean < _LEAST_GAIN * whole.mean())
        if little and (least is None or cost.mean < least[1].gain.mean):
            least = rest, Step(name, 0.0, cost)
    return least


def ascend(
    scored: Candidates, weights: Weights, with_known_items: bool, offered: Sequence[Candidate] = ()
) -> Weights:
    """Coordinate ascent of the mean NDCG: the first weight is fixed, the others change by powers of 1.6.

    Then each signal is replaced by another setting of its family if that is better, and the weights change by
    powers of 1.25.
    """
    current, best = dict(weights), float(ndcg(scored, weights, with_known_items).mean())

    def improve(trials: Iterable[Weights]) -> bool:
        """Take the best of the trials if it is better than the present weights; returns whether it was."""
        nonlocal current, best
        before = best
        for trial in trials:
            quality = float(ndcg(scored, trial, with_known_items).mean())
            if quality > best:
                current, best = trial, quality
        return best > before

    for factor, powers in _FACTORS:
        for _ in range(_ROUNDS):
            moved = False
            for name in list(current)[1:]:
                stands = dict(current)
                moved |= improve({**stands, name: stands[name] * factor**power} for power in powers)
            if not moved:
                break
        if factor == _FACTORS[0][0]:
            for name in list(current):
                stands = dict(current)
                improve(_replace(stands, name, other) for other in _siblings(offered, stands, name))
    return current


def _siblings(offered: Sequence[Candidate], weights: Weights, name: str) -> list[str]:
    """The other settings of a signal's family. Trends of other half-lives count as signals of their own."""
    family = next((each.family for each in offered if each.name == name), None)
    return [each.name for each in offered if each.family == family != TREND and each.name not in weights]


def _replace(weights: Weights, name: str, other: str) -> Weights:
    return {(other if each == name else each): weight for each, weight in weights.items()}


def by_user(users: NDArray[np.int64], values: Floats) -> Floats:
    """(users): the mean of each user's values."""
    _, place = np.unique(users, return_inverse=True)
    return np.asarray(np.bincount(place, values) / np.bincount(place))


def difference(scored: Candidates, figures: Floats, compared: Floats) -> Figure:
    """The mean difference of two sets of lists for the same questions, with its interval over users."""
    return paired_difference(by_user(scored.users, figures), by_user(scored.users, compared))


def default_weights(
    offered: Sequence[Candidate], by_family: Mapping[str, float], with_known: bool
) -> Weights:
    """The weights of families that are offered; where none is, that of the first signal that makes a list."""
    weights = Weights()
    for family, weight in by_family.items():
        first = next((each.name for each in offered if each.family == family), None)
        if first is not None:
            weights[first] = weight
    if weights:
        return weights
    # None of the default families is offered.
    usable = [each for each in offered if with_known or each.family != REPEATS]
    return {(usable or list(offered))[0].name: 1.0}
