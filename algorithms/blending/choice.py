"""Chooses a blend by questions about the past: weights for two horizons, and whether it allows known items.

`algorithms.blending.weights` searches the weights. Its result is used only if such searches surely beat the
default weights on users who were not part of the search. The defaults were good on several data sets, while
on a few hundred users the best of a thousand weights is best by chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from algorithms.blending.blend import HALF_LIFE_HOURS, Blend
from algorithms.blending.questions import Candidates, Questions, candidates, stack
from algorithms.blending.weights import (
    ANY_HORIZON,
    DEFAULT_COLD,
    DEFAULT_HALFWAY,
    DEFAULT_HOT,
    Candidate,
    Floats,
    Step,
    Weights,
    best_search,
    best_single,
    by_user,
    default_weights,
    difference,
    ndcg,
)
from algorithms.bootstrap import Figure, mean_figures, paired_difference
from algorithms.parallel import parallel_map

MIN_USERS = 50  # users with positives in a horizon; a choice on fewer would be by chance
MAX_QUESTIONS = 3000


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
    """The blend, and how its hot and its cold weights came about."""

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
    """The blend for these questions, which must not be those on which the result is judged.

    With few users, intervals are wide. So give several slices, each further back in time and with signals of
    the same names fitted to what is before it; they are judged together. Questions within 8 hours of the
    user's last event choose the hot weights, the others the cold ones. ``known_items`` says whether known
    items may be recommended; if None, the questions decide it. Raises ValueError where no signal is offered.
    """
    if not slices or not slices[0].offered:
        raise ValueError("at least one slice with at least one signal must be offered")
    offered = slices[0].offered
    scored, is_hot = _score(slices, max_questions // len(slices))
    parts = scored.rows(is_hot), scored.rows(~is_hot)

    defaults = DEFAULT_HOT, DEFAULT_COLD

    def horizons(with_known: bool) -> tuple[Horizon, Horizon]:
        found = [_choose_horizon(offered, *each, with_known) for each in zip(parts, defaults, strict=True)]
        return found[0], found[1]

    without = horizons(False)
    kinds, gained = without, None
    came_back = scored.users[(scored.is_positive & scored.is_known).any(axis=1)]
    if known_items or (known_items is None and len(np.unique(came_back)) >= MIN_USERS):
        having = horizons(True)
        gained = _known_items_gain(parts, without, having)
        if known_items or gained.low > 0:
            kinds = having
    allowed = bool(known_items) or kinds is not without
    stand = [_or_the_defaults(offered, *each, allowed) for each in zip(parts, defaults, kinds, strict=True)]
    stand[0] = _or_halfway(offered, parts[0], stand[0], allowed)
    hot = _or_the_others(offered, parts[0], DEFAULT_HOT, stand[0], stand[1], allowed)
    cold = _or_the_others(offered, parts[1], DEFAULT_COLD, stand[1], stand[0], allowed)
    hot, cold = _fill(offered, hot, cold, allowed)
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


def _choose_horizon(
    offered: Sequence[Candidate], scored: Candidates, default: Mapping[str, float], with_known: bool
) -> Horizon:
    users = len(np.unique(scored.users))
    if users < MIN_USERS:
        why = f"{users} users with something to predict are too few to choose on ({MIN_USERS})"
        return Horizon({}, None, {}, (), why)
    alone = {each.name: float(ndcg(scored, {each.name: 1.0}, with_known).mean()) for each in offered}
    defaults = default_weights(offered, default, with_known)
    starts = defaults, best_single(offered, scored, with_known)
    weights, steps = best_search(offered, scored, starts, with_known)
    figure = _figure(scored, ndcg(scored, weights, with_known))
    why = f"chosen on {_size_of(scored)}"
    return Horizon(weights, figure, alone, tuple(steps), why, is_chosen=True)


def _or_the_defaults(
    offered: Sequence[Candidate],
    scored: Candidates,
    default: Mapping[str, float],
    horizon: Horizon,
    with_known: bool,
) -> Horizon:
    """The horizon as it was found, if such a search surely beats the defaults on users outside of it."""
    defaults = default_weights(offered, default, with_known)
    if not horizon.weights or horizon.weights == defaults:
        return replace(horizon, is_chosen=False)
    before = ndcg(scored, defaults, with_known)
    if difference(scored, ndcg(scored, horizon.weights, with_known), before).low > 0:
        without = np.zeros(len(scored.users))
        is_first = np.unique(scored.users, return_inverse=True)[1] % 2 == 0

        def judge(half: NDArray[np.bool_]) -> Floats:
            rest = scored.rows(~half)
            starts = (defaults, best_single(offered, rest, with_known))
            weights, _ = best_search(offered, rest, starts, with_known)
            return ndcg(scored.rows(half), weights, with_known)

        halves = (is_first, ~is_first)
        for half, judged in zip(halves, parallel_map(judge, halves), strict=True):
            without[half] = judged
        if difference(scored, without, before).low > 0:
            return _scale(horizon)
    why = horizon.why.replace("chosen on", "the defaults, which nothing surely beats on")
    return Horizon(defaults, _figure(scored, before), horizon.alone, (), why)


def _or_halfway(
    offered: Sequence[Candidate], scored: Candidates, horizon: Horizon, with_known: bool
) -> Horizon:
    """The hot horizon; if it has its defaults, and halfway to the cold ones is surely better, that."""
    if horizon.is_chosen or not horizon.weights:
        return horizon
    halfway = default_weights(offered, DEFAULT_HALFWAY, with_known)
    found = ndcg(scored, halfway, with_known)
    if difference(scored, found, ndcg(scored, horizon.weights, with_known)).low <= 0:
        return horizon
    better = f"surely better than the defaults on {_size_of(scored)}"
    why = f"halfway to the default weights for a later day, {better}"
    return Horizon(halfway, _figure(scored, found), horizon.alone, (), why)


def _scale(horizon: Horizon) -> Horizon:
    """The same proportions with the largest weight at 1.

    A search keeps the first weight where it began, which says nothing about the others' size. A list between
    two horizons mixes their weights, so both need one scale.
    """
    largest = max(abs(weight) for weight in horizon.weights.values())
    weights = {name: weight / largest for name, weight in horizon.weights.items()}
    steps = tuple(step._replace(weight=step.weight / largest) for step in horizon.steps)
    return replace(horizon, weights=weights, steps=steps)


def _size_of(scored: Candidates) -> str:
    return f"{len(scored.users)} questions of {len(np.unique(scored.users))} users"


def _figure(scored: Candidates, values: Floats) -> Figure:
    return mean_figures(by_user(scored.users, values)[:, None])[0]


def _or_the_others(
    offered: Sequence[Candidate],
    scored: Candidates,
    default: Mapping[str, float],
    horizon: Horizon,
    other: Horizon,
    with_known: bool,
) -> Horizon:
    """The other horizon's weights, if this one has no choice of its own and they rank its questions better.

    Fewer users are needed to compare two given sets of weights than to search among many.
    """
    users = len(np.unique(scored.users))
    if horizon.is_chosen or not other.is_chosen or users < MIN_USERS // 2:
        return horizon
    weights = horizon.weights or default_weights(offered, default, with_known)
    found, before = (ndcg(scored, each, with_known) for each in (other.weights, weights))
    if found.mean() <= before.mean():
        return horizon
    figure = _figure(scored, found)
    why = f"those of the other horizon, which rank {_size_of(scored)} better than the defaults"
    return Horizon(dict(other.weights), figure, horizon.alone, (), why)


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
        by_user(owners, np.concatenate(included_figures)), by_user(owners, np.concatenate(left_out_figures))
    )


def _fill(
    offered: Sequence[Candidate], hot: Horizon, cold: Horizon, with_known: bool
) -> tuple[Horizon, Horizon]:
    """Both horizons; one without a choice gets the defaults, with the other one's weights for any time.

    A horizon without a choice gets all weights of the other one where users come back to items, because the
    defaults are for data in which nobody does, and where the other one was chosen without any signal of the
    defaults: what says nothing right after an event does not help a day later.
    """
    family = {each.name: each.family for each in offered}
    chosen = [each.weights for each in (hot, cold) if each.is_chosen]
    for_any_time = any({family[name] for name in weights} <= ANY_HORIZON for weights in chosen)
    if (with_known or for_any_time) and bool(hot.weights) != bool(cold.weights):
        hot, cold = _same(hot, cold), _same(cold, hot)
    kept = [
        {name: weight for name, weight in other.weights.items() if family[name] in ANY_HORIZON}
        for other in (cold, hot)
    ]
    both = []
    for horizon, default, further in ((hot, DEFAULT_HOT, kept[0]), (cold, DEFAULT_COLD, kept[1])):
        if horizon.weights:
            both.append(horizon)
            continue
        weights = {**default_weights(offered, default, with_known), **further}
        both.append(Horizon(weights, None, horizon.alone, (), f"{horizon.why}: the defaults"))
    return both[0], both[1]


def _same(horizon: Horizon, other: Horizon) -> Horizon:
    """The horizon with the other one's weights, for a horizon without a choice of its own."""
    if horizon.weights:
        return horizon
    return replace(horizon, weights=other.weights, why=f"{horizon.why}: those of the other questions")
