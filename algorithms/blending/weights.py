"""Choosing a blend on questions of the past: few weights, each of a signal that helps beyond doubt.

From the defaults, signals whose absence does not surely cost NDCG@10 leave; then again and again the one that
adds most enters, with its weight searched and all weights refined by coordinate ascent (factors 1.6, then
1.25). "Surely" is a 95 % interval of the paired difference, drawn over whole users, that lies above 0; a
signal must add a hundredth, too, and leaves where it no longer does. The same is searched from the best
single signal. The better of the two results stands where searches surely beat the defaults on users on whom
they were not made: the defaults were good in several worlds, and on a few hundred users the best of a
thousand weights is best by chance. Nothing is random but the seeded bootstrap.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from algorithms.blending.blend import HALF_LIFE_HOURS, Blend
from algorithms.blending.questions import Candidates, Questions, candidates, stack
from algorithms.bootstrap import Figure, mean_figures, paired_difference
from algorithms.signals.signal import Signal

Floats = NDArray[np.float64]
Weights = dict[str, float]

K = 10
MIN_USERS = 50  # with positives, of a horizon; a choice on fewer would be by chance
MAX_QUESTIONS = 3000
_ENTERING = (0.1, 0.2, 0.4, 0.8, 1.6)  # weights at which a signal is tried, in units of the first one's
_NEGATIVE = (-0.15, -0.3)  # of all-time popularity beside a trend: what is new and rising
_FACTORS = ((1.6, (-3, -2, -1, 1, 2, 3)), (1.25, (-1, 1)))  # with the powers that are tried
_ROUNDS = 3  # of coordinate ascent, by each factor
_LEAST_GAIN = 0.01  # of the quality so far: what helps less is not worth computing
_TRIED = 4  # signals that are tried for entry at each step, best gain first

# Families of signals, and what is taken where there are too few questions to choose on.
FACTORS, ITEM_TO_ITEM, LONG_VIEW = "factors", "item_to_item", "long_view"
TRANSITIONS, REPEATS, TREND, POPULARITY = "transitions", "repeats", "trend", "popularity"
DEFAULT_HOT: Mapping[str, float] = {ITEM_TO_ITEM: 1.0, TRANSITIONS: 1.2, FACTORS: 0.3}
DEFAULT_COLD: Mapping[str, float] = {LONG_VIEW: 1.0, TRANSITIONS: 0.15, FACTORS: 0.2}
_ANY_HORIZON = frozenset({REPEATS, TREND, POPULARITY})  # kept in the other horizon where that one is unknown


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


@dataclass(frozen=True)
class Horizon:
    """The choice for one horizon."""

    weights: Weights
    ndcg: Figure | None  # on the questions that it was chosen on; None without a choice
    alone: dict[str, float]  # NDCG@10 of each signal alone
    steps: tuple[Step, ...]
    why: str
    is_chosen: bool = False  # whether weights were found that surely beat the defaults


@dataclass(frozen=True)
class Choice:
    """The blend and how it came about, hot and cold."""

    blend: Blend
    hot: Horizon
    cold: Horizon
    known_items: Figure | None  # what recommending known items changes; None where too few come back to any


class Slice(NamedTuple):
    """Signals fitted on what came before some questions, and the questions."""

    offered: Sequence[Candidate]
    questions: Questions


def choose(
    slices: Sequence[Slice], *, known_items: bool | None = None, max_questions: int = MAX_QUESTIONS
) -> Choice:
    """The blend for these questions, which must not be those that the result is judged on.

    Few users leave an interval wide: give several slices, each further back in time and with signals of the
    same names fitted before it, and they are judged together. Questions within 8 hours of the user's last
    event choose the hot weights, the others the cold ones. ``known_items`` says whether known items may be
    recommended; None decides it by the questions. Raises ValueError where no signal is offered.
    """
    if not slices or not slices[0].offered:
        raise ValueError("at least one slice with at least one signal must be offered")
    offered = slices[0].offered
    scored, is_hot = _score(slices, max_questions // len(slices))
    parts = scored.rows(is_hot), scored.rows(~is_hot)

    def horizons(with_known: bool) -> tuple[Horizon, Horizon]:
        hot = _choose_horizon(offered, parts[0], with_known, DEFAULT_HOT)
        cold = _choose_horizon(offered, parts[1], with_known, DEFAULT_COLD)
        return (
            _or_the_others(offered, parts[0], with_known, DEFAULT_HOT, hot, cold),
            _or_the_others(offered, parts[1], with_known, DEFAULT_COLD, cold, hot),
        )

    without = horizons(False)
    kinds, gained = without, None
    came_back = scored.users[(scored.is_positive & scored.is_known).any(axis=1)]
    if known_items or (known_items is None and len(np.unique(came_back)) >= MIN_USERS):
        having = horizons(True)
        gained = _known_items_gain(parts, without, having)
        if known_items or gained.low > 0:
            kinds = having
    allowed = bool(known_items) or kinds is not without
    hot, cold = _fill(offered, kinds[0], kinds[1], allowed)
    return Choice(Blend(hot.weights, cold.weights, allowed), hot, cold, gained)


def _score(slices: Sequence[Slice], limit: int) -> tuple[Candidates, NDArray[np.bool_]]:
    """The candidates of all slices' questions, and which are asked within 8 hours of the last event."""
    names = {each.name for each in slices[0].offered}
    scored, is_hot = [], []
    for offered, questions in slices:
        asked = questions.sample(limit)
        signals = {each.name: each.signal for each in offered if each.name in names}
        scored.append(candidates(signals, asked))
        is_hot.append(asked.histories.hours_since_last < HALF_LIFE_HOURS)
    return stack(scored), np.concatenate(is_hot)


def ndcg(scored: Candidates, weights: Mapping[str, float], with_known_items: bool, k: int = K) -> Floats:
    """(questions): of the lists that the weights make of the candidates; what is no candidate is missed."""
    return _ndcg(scored, _blend(scored, weights), with_known_items, k)


def _choose_horizon(
    offered: Sequence[Candidate], scored: Candidates, with_known: bool, default: Mapping[str, float]
) -> Horizon:
    users = len(np.unique(scored.users))
    if users < MIN_USERS:
        why = f"{users} users with something to predict are too few to choose on ({MIN_USERS})"
        return Horizon({}, None, {}, (), why)
    alone = {each.name: float(ndcg(scored, {each.name: 1.0}, with_known).mean()) for each in offered}
    defaults = _default(offered, default, with_known)
    weights, steps = _best_search(offered, scored, defaults, with_known)
    found, before = ndcg(scored, weights, with_known), ndcg(scored, defaults, with_known)
    asked = f"{len(scored.users)} questions of {users} users"
    why = f"chosen on {asked}"
    is_chosen = _is_sure(offered, scored, defaults, with_known, _difference(scored, found, before))
    if not is_chosen:
        weights, steps, found = defaults, [], before
        why = f"the defaults, which nothing surely beats on {asked}"
    figure = mean_figures(_by_user(scored.users, found)[:, None])[0]
    return Horizon(weights, figure, alone, tuple(steps), why, is_chosen)


def _or_the_others(
    offered: Sequence[Candidate],
    scored: Candidates,
    with_known: bool,
    default: Mapping[str, float],
    horizon: Horizon,
    other: Horizon,
) -> Horizon:
    """The weights that were chosen for the other horizon, where this one has the defaults and ranks worse.

    Two given sets of weights need fewer users to be told apart than all that a search may find.
    """
    users = len(np.unique(scored.users))
    if horizon.is_chosen or not other.is_chosen or users < MIN_USERS // 2:
        return horizon
    weights = horizon.weights or _default(offered, default, with_known)
    found, before = (ndcg(scored, each, with_known) for each in (other.weights, weights))
    if found.mean() <= before.mean():
        return horizon
    figure = mean_figures(_by_user(scored.users, found)[:, None])[0]
    why = f"those of the other horizon, which rank {len(scored.users)} questions of {users} users better than "
    return Horizon(dict(other.weights), figure, horizon.alone, (), why + "the defaults")


def _is_sure(
    offered: Sequence[Candidate], scored: Candidates, defaults: Weights, with_known: bool, gain: Figure
) -> bool:
    """Whether a search beats the defaults also on users on whom it was not made.

    ``gain`` is that of the search on all; without one there is nothing to check.
    """
    if not gain.low > 0:
        return False
    before, without = ndcg(scored, defaults, with_known), np.zeros(len(scored.users))
    is_first = np.unique(scored.users, return_inverse=True)[1] % 2 == 0
    for half in (is_first, ~is_first):
        weights, _ = _best_search(offered, scored.rows(~half), defaults, with_known)
        without[half] = ndcg(scored.rows(half), weights, with_known)
    return _difference(scored, without, before).low > 0


def _best_search(
    offered: Sequence[Candidate], scored: Candidates, defaults: Weights, with_known: bool
) -> tuple[Weights, list[Step]]:
    """From the defaults and from the best single signal: the better result."""
    single = max(offered, key=lambda each: float(ndcg(scored, {each.name: 1.0}, with_known).mean()))
    starts = defaults, {single.name: 1.0}
    searched = [_search(offered, scored, start, with_known) for start in starts]
    # max takes the first of equal ones, which came from the defaults.
    return max(searched, key=lambda each: float(ndcg(scored, each[0], with_known).mean()))


def _search(
    offered: Sequence[Candidate], scored: Candidates, start: Weights, with_known: bool
) -> tuple[Weights, list[Step]]:
    """From a start: what does not help leaves, what helps enters, and again what has come not to help."""

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
    """The best signal that helps beyond doubt, with all weights refined."""
    base = _blend(scored, weights)
    before = _ndcg(scored, base, with_known, K)
    taken = {each.family for each in offered if each.name in weights and each.family != TREND}
    has_trend = any(each.name in weights for each in offered if each.family == TREND)
    tried = []
    for each in offered:
        if each.name in weights or each.family in taken:
            continue
        grid = _ENTERING if each.family != POPULARITY or not has_trend else (*_ENTERING, *_NEGATIVE)
        scores = scored.scores[each.name]
        quality = [float(_ndcg(scored, base + w * scores, with_known, K).mean()) for w in grid]
        best = int(np.argmax(quality))
        tried.append((quality[best], each.name, grid[best]))
    for _, name, weight in sorted(tried, key=lambda entry: -entry[0])[:_TRIED]:
        refined = ascend(scored, {**weights, name: weight}, with_known, offered)
        gain = _difference(scored, ndcg(scored, refined, with_known), before)
        if gain.low > 0 and gain.mean >= _LEAST_GAIN * before.mean():
            entered = next(other for other in refined if other not in weights or other == name)
            return refined, Step(entered, refined[entered], gain)
    return None


def _leave(
    scored: Candidates, weights: Weights, with_known: bool, surely: bool
) -> tuple[Weights, Step] | None:
    """The signal whose absence costs least, where that is less than a hundredth, or is not sure to cost."""
    if len(weights) == 1:
        return None
    whole, least = ndcg(scored, weights, with_known), None
    for name in weights:
        rest = {other: weight for other, weight in weights.items() if other != name}
        cost = _difference(scored, whole, ndcg(scored, rest, with_known))
        little = cost.low <= 0 if surely else cost.mean < _LEAST_GAIN * whole.mean()
        if little and (least is None or cost.mean < least[1].gain.mean):
            least = rest, Step(name, 0.0, cost)
    return least


def ascend(
    scored: Candidates, weights: Weights, with_known_items: bool, offered: Sequence[Candidate] = ()
) -> Weights:
    """Coordinate ascent of the mean NDCG, the first weight fixed: each other by powers of 1.6, then of 1.25.

    Between the two, each signal is replaced by another setting of its family where that is better.
    """
    current, best = dict(weights), float(ndcg(scored, weights, with_known_items).mean())

    def improve(trials: Iterable[Weights]) -> bool:
        """Take the best of the trials where it is better than what stands."""
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
    """The other settings of a signal's family. Trends of several half-lives are no settings of one signal."""
    family = next((each.family for each in offered if each.name == name), None)
    return [each.name for each in offered if each.family == family != TREND and each.name not in weights]


def _replace(weights: Weights, name: str, other: str) -> Weights:
    return {(other if each == name else each): weight for each, weight in weights.items()}


def _blend(scored: Candidates, weights: Mapping[str, float]) -> NDArray[np.float32]:
    total = np.zeros(scored.is_candidate.shape, np.float32)
    for name, weight in weights.items():
        total += np.float32(weight) * scored.scores[name]
    return total


def _ndcg(scored: Candidates, total: NDArray[np.float32], with_known_items: bool, k: int) -> Floats:
    listed = scored.is_candidate if with_known_items else scored.is_candidate & ~scored.is_known
    ranked = np.where(listed, total, -np.inf)
    width = min(k, ranked.shape[1])
    if not ranked.size or not width:
        return np.zeros(len(ranked))
    best = np.argpartition(ranked, ranked.shape[1] - width, axis=1)[:, ranked.shape[1] - width :]
    order = np.argsort(-np.take_along_axis(ranked, best, axis=1), axis=1, kind="stable")
    best = np.take_along_axis(best, order, axis=1)
    hits = np.take_along_axis(scored.is_positive & listed, best, axis=1)
    discounts = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.concatenate([[0.0], np.cumsum(discounts)])[np.minimum(scored.positives, k)]
    return np.asarray(hits @ discounts[:width] / np.maximum(ideal, discounts[-1]))


def _by_user(users: NDArray[np.int64], values: Floats) -> Floats:
    _, place = np.unique(users, return_inverse=True)
    return np.asarray(np.bincount(place, values) / np.bincount(place))


def _difference(scored: Candidates, figures: Floats, compared: Floats) -> Figure:
    return paired_difference(_by_user(scored.users, figures), _by_user(scored.users, compared))


def _known_items_gain(
    parts: tuple[Candidates, ...], without: tuple[Horizon, ...], having: tuple[Horizon, ...]
) -> Figure:
    included_figures, left_out_figures, users = [], [], []
    for part, left_out, included in zip(parts, without, having, strict=True):
        if left_out.weights:
            included_figures.append(ndcg(part, included.weights, True))
            left_out_figures.append(ndcg(part, left_out.weights, False))
            users.append(part.users)
    if not users:
        return Figure(float("nan"), float("nan"), float("nan"))
    owners = np.concatenate(users)
    return paired_difference(
        _by_user(owners, np.concatenate(included_figures)), _by_user(owners, np.concatenate(left_out_figures))
    )


def _fill(
    offered: Sequence[Candidate], hot: Horizon, cold: Horizon, with_known: bool
) -> tuple[Horizon, Horizon]:
    """Horizons without a choice get one: the defaults, with what the other horizon says of any time.

    Where users come back to items, the choice of one horizon holds for both if the other one has none: the
    defaults are those of worlds where nobody comes back.
    """
    if with_known and bool(hot.weights) != bool(cold.weights):
        hot, cold = _same(hot, cold), _same(cold, hot)
    family = {each.name: each.family for each in offered}
    kept = [
        {name: weight for name, weight in other.weights.items() if family[name] in _ANY_HORIZON}
        for other in (cold, hot)
    ]
    both = []
    for horizon, default, further in ((hot, DEFAULT_HOT, kept[0]), (cold, DEFAULT_COLD, kept[1])):
        if horizon.weights:
            both.append(horizon)
            continue
        weights = {**_default(offered, default, with_known), **further}
        both.append(Horizon(weights, None, horizon.alone, (), f"{horizon.why}: the defaults"))
    return both[0], both[1]


def _same(horizon: Horizon, other: Horizon) -> Horizon:
    """The horizon with the other one's weights, where it has none itself."""
    if horizon.weights:
        return horizon
    return replace(horizon, weights=other.weights, why=f"{horizon.why}: those of the other questions")


def _default(offered: Sequence[Candidate], by_family: Mapping[str, float], with_known: bool) -> Weights:
    weights = Weights()
    for family, weight in by_family.items():
        first = next((each.name for each in offered if each.family == family), None)
        if first is not None:
            weights[first] = weight
    if weights:
        return weights
    # Nothing of the default is offered: the first signal that can make a list.
    usable = [each for each in offered if with_known or each.family != REPEATS]
    return {(usable or list(offered))[0].name: 1.0}
