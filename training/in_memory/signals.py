"""Signals from a round's pairs: fitted, and the weights of their blend chosen on the newest part of a past.

The choice never sees what the gate holds out: it is made within what the gate's fits may learn from.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from algorithms.blending.offered import fit_offered
from algorithms.blending.questions import Questions, later_questions
from algorithms.blending.weights import MIN_USERS, TREND, Candidate, Slice, choose
from algorithms.signals.factors import Factors
from algorithms.signals.history import Histories, from_events
from algorithms.signals.item_to_item import MAX_ITEMS
from contracts.stored.manifest import Counts
from training.evaluation.chosen_blend import ChosenBlend, of_choice
from training.fit.als import Problem
from training.fit.factors import Matrix
from training.in_memory import als
from training.in_memory.pairs import Pairs
from training.in_memory.split import Mask, newer_than, per_user_temporal, time_cut

_SHARE = 0.2  # the newest part of the past, on which weights are chosen
_LEAST_USERS = 4 * MIN_USERS  # who ask after one instant; with fewer, each user's own newest part is taken
MAX_QUESTIONS = 1500
# At the most, of an item-to-item model of n items: n^2 counts, their inverse's rest, and n users' rows.
_BYTES_A_CELL = 12


@dataclass(frozen=True)
class PastSignals:
    """Fits signals to pairs (`training.evaluation.slice.FitsSignals`); ``memory`` bounds a fit, in bytes."""

    pairs: Pairs
    counts: Counts
    memory: int

    def fit(self, factors: Factors, names: Collection[str]) -> list[Candidate]:
        """The signals of these names; the blend's factors are given."""
        return self._fit(self.pairs, factors, names)

    def choose(self, problem: Problem, seed: int) -> ChosenBlend:
        """The weights that rank the newest part of these pairs best, by signals fitted on the rest."""
        pairs = replace(self.pairs, first_times=self.pairs.event_times)  # the order that signals read
        is_newest, is_one_instant = _newest(pairs)
        earlier, later = pairs.where(~is_newest), pairs.where(is_newest)
        sides = als.sides_of(earlier, problem, self.counts.users, self.counts.items)
        factors = as_signal(als.full_fit(sides, problem, seed).items, problem)
        offered = self._fit(earlier, factors, None)
        if not is_one_instant:
            # Users ask at different times, and a trend of the last days would know what came after most.
            offered = [each for each in offered if each.family != TREND]
        questions = self._ask(earlier, later)
        choice = choose([Slice(offered, questions)], known_items=False, max_questions=MAX_QUESTIONS)
        return of_choice(choice)

    def _fit(self, pairs: Pairs, factors: Factors, names: Collection[str] | None) -> list[Candidate]:
        return fit_offered(
            pair_histories(pairs, self.counts.users),
            self.counts.items,
            factors=factors,
            only=names,
            max_items=most_items(self.memory),
        )

    def _ask(self, earlier: Pairs, later: Pairs) -> Questions:
        """What each user liked later, asked at the first later moment."""
        users = self.counts.users
        after = pair_histories(later, users, weights=later.positive.astype(np.float64))
        return later_questions(pair_histories(earlier, users), after, after.weights > 0)


def pair_histories(pairs: Pairs, users: int, weights: NDArray[np.float64] | None = None) -> Histories:
    """One entry a pair, as the online query reads histories; asked at each user's newest entry."""
    return from_events(
        pairs.users,
        pairs.items,
        pairs.event_times,
        user_count=users,
        grades=pairs.grades,
        strengths=pairs.strengths,
        weights=weights,
    )


def as_signal(items: Matrix, problem: Problem) -> Factors:
    """Item factors as a signal, with its default half-life of the history."""
    return Factors(items, problem.reg_param, problem.alpha, problem.nonnegative)


def most_items(memory: int) -> int:
    """How many items an item-to-item model may have that is fitted within ``memory`` bytes."""
    return max(1, min(MAX_ITEMS, math.isqrt(max(0, memory) // _BYTES_A_CELL)))


def _newest(pairs: Pairs) -> tuple[Mask, bool]:
    """What came after one instant, where enough users ask after it; else each user's own newest part."""
    newest = newer_than(pairs, time_cut(pairs, 1 - _SHARE))
    asking = np.intersect1d(pairs.users[newest & pairs.positive], pairs.users[~newest])
    if len(asking) >= _LEAST_USERS:
        return newest, True
    return per_user_temporal(pairs, _SHARE), False
