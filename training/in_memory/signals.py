"""Fits signals to a round's data, and chooses the weights of their blend on the newest part of a past.

The choice never sees what the gate holds out: it uses only what the gate's fits may learn from. With few
users the newest part alone would leave the choice to chance, so earlier parts are used as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from algorithms.blending.blend import HALF_LIFE_HOURS
from algorithms.blending.choice import MIN_USERS, Slice, choose
from algorithms.blending.questions import Questions, join_questions, later_questions, next_item_questions
from algorithms.blending.signal_options import TrendCounts, fit_offered
from algorithms.blending.weights import TREND, Candidate
from algorithms.parallel import begin
from algorithms.signals.factors import Factors
from algorithms.signals.history import POSITIVE_GRADE, Histories, from_events, from_items
from algorithms.signals.item_to_item import MAX_ITEMS
from contracts.settings import TrainingSettings
from training.evaluation.chosen_blend import ChosenBlend, of_choice
from training.fit.als import Problem
from training.fit.factors import Matrix
from training.in_memory import als
from training.in_memory.counted_events import counted_events
from training.in_memory.load import RoundArrays
from training.in_memory.moments import moments_before, moments_of
from training.in_memory.pairs import NONE, Pairs
from training.in_memory.split import (
    Marked,
    as_known,
    join_pairs,
    newer_than,
    past_of,
    per_user_temporal,
    time_cut,
    touched_again,
)

_SHARE = 0.2  # the newest part of the past, on which weights are chosen
# The newest part is what came after one instant, if this number of users, or most of all users, did something
# after it. With fewer (a log of films over twenty years), it is each user's own newest part.
_LEAST_USERS = 4 * MIN_USERS
# Where nobody comes back, fewer: the newest parts of the visits that are known say little about who asks.
_LEAST_VISITS = 2 * MIN_USERS
# Where half of all users have fewer items than this and few come back, users are visits: whoever asks is new.
_ITEMS_OF_A_VISIT = 10
_SLICES = 3  # at most this number of parts, each the newest part of what is before the one taken last
MAX_QUESTIONS = 1500
# At most, for each of the n^2 cells of an item-to-item model of n items: counts, inverse, n users' rows.
_BYTES_A_CELL = 12


@dataclass(frozen=True)
class PastSignals:
    """Fits signals to a past (`training.evaluation.slice.FitsSignals`); ``memory`` bounds a fit, in bytes."""

    past: RoundArrays
    settings: TrainingSettings
    memory: int
    everything: RoundArrays | None = None  # the past and what came after it; None: nothing comes after it

    def fit(self, factors: Factors | Callable[[], Factors], names: Collection[str]) -> list[Candidate]:
        """The signals of these names; the signal of the factors scores by the given ones.

        With ``everything``, trends also count the later events before each question, as they do when served.
        """
        return self._fit(self.past, factors, names, self.everything)

    def choose(self, problem: Problem, seed: int) -> ChosenBlend:
        """The weights that rank the newest parts of this past best, by signals fitted to what is before each.

        It also chooses whether items that a user has had may be recommended: they may if that ranks the
        newest parts better beyond doubt.
        """
        slices, asked, past = list[Slice](), 0, self.past
        while len(slices) < _SLICES and asked < MAX_QUESTIONS:
            newest, is_one_instant = _newest(past, self.settings)
            earlier = past_of(past, newest)
            if slices and not len(earlier.pairs):
                break
            offered = self._offer(earlier, problem, seed, is_one_instant)
            if slices and not _names(slices[0].offered) <= _names(offered):
                break  # this early part lacks a signal: no trend can be fitted, or nobody has come back yet
            questions = self._ask(past, newest, is_one_instant, earlier)
            asked += len(questions)
            slices.append(Slice(offered, questions))
            past = earlier
        return of_choice(choose(slices, max_questions=MAX_QUESTIONS))

    def _offer(
        self, earlier: RoundArrays, problem: Problem, seed: int, is_one_instant: bool
    ) -> list[Candidate]:
        sides = als.sides_of(earlier.pairs, problem, earlier.counts.users, earlier.counts.items)
        items = begin(lambda: als.full_items(sides, problem, seed))
        offered = self._fit(earlier, lambda: as_signal(items(), problem), None, self.past)
        if is_one_instant:
            return offered
        # Users are asked at different times, and what a trend was worth years ago says nothing about now.
        return [each for each in offered if each.family != TREND]

    def _ask(
        self, past: RoundArrays, newest: Marked, is_one_instant: bool, earlier: RoundArrays
    ) -> Questions:
        """Questions about all that a user liked in the newest part, and as many about a user's next item.

        A list made right after an event must serve both, the next item and what comes later. About next items
        it asks only soon after an event. After one instant it asks for next items alone where too few users
        were there before, as of visits.
        """
        at_once = ask_at_once(past, newest, self.settings, earlier).sample(MAX_QUESTIONS)
        of_visits = is_one_instant and len(at_once) < MIN_USERS
        # The first item of each visit follows nothing, so some of these are no questions.
        limit = 2 * MAX_QUESTIONS if of_visits else MAX_QUESTIONS
        following = ask_next_items(past, newest, self.settings, limit)
        is_hot = following.histories.hours_since_last < HALF_LIFE_HOURS
        following = following.select(np.flatnonzero(is_hot))
        if of_visits:
            return following.sample(MAX_QUESTIONS)
        return join_questions([at_once, following.sample(len(at_once))])

    def _fit(
        self,
        past: RoundArrays,
        factors: Factors | Callable[[], Factors],
        names: Collection[str] | None,
        everything: RoundArrays | None,
    ) -> list[Candidate]:
        settings = self.settings
        counts = TrendCounts(
            counted=counted_events((everything or past).events, settings),
            half_lives=settings.trend_half_lives,
            is_state=True,
            move=everything is not None,
        )
        return fit_offered(
            event_histories(past, settings),
            past.counts.items,
            factors=factors,
            only=names,
            max_items=most_items(self.memory),
            counts=counts,
        )


def ask_at_once(
    past: RoundArrays, newest: Marked, settings: TrainingSettings, earlier: RoundArrays
) -> Questions:
    """One question for each user: what the user liked in the newest part, asked at its first moment.

    ``earlier`` is the past without its newest part (`past_of`).
    """
    later = newest.pairs.where(newest.held_out)
    again = touched_again(past, newest, settings)
    later = join_pairs(replace(later, event_times=later.first_times), again)
    later = later.where(np.lexsort((later.items, later.users)))
    after = pair_histories(later, past.counts.users, weights=later.positive.astype(np.float64))
    return later_questions(event_histories(earlier, settings), after, after.weights > 0)


def ask_next_items(past: RoundArrays, newest: Marked, settings: TrainingSettings, limit: int) -> Questions:
    """A question for each liked event of the newest part (at most ``limit``), from all that is before it."""
    histories = event_histories(past, settings)
    cuts = np.full(len(histories), NONE) if newest.cuts is None else newest.cuts
    cut = cuts[histories.owners]
    is_target = (histories.times_ms > cut) & (cut != NONE) & (histories.grades >= POSITIVE_GRADE)
    return next_item_questions(histories, is_target, limit=limit)


def _names(offered: Sequence[Candidate]) -> set[str]:
    return {each.name for each in offered}


def event_histories(past: RoundArrays, settings: TrainingSettings) -> Histories:
    """Histories as the online query reads them: an entry for each pair, and one for each earlier moment."""
    most = settings.earlier_events
    if most not in past.histories:
        pairs = past.pairs
        past.histories[most] = from_items(
            pairs.users,
            pairs.items,
            pairs.event_times,
            user_count=past.counts.users,
            grades=pairs.grades,
            strengths=pairs.strengths,
            moments=moments_of(pairs, moments_before(past, most)),
        )
    return past.histories[most]


def pair_histories(pairs: Pairs, users: int, weights: NDArray[np.float64] | None = None) -> Histories:
    """Histories with one entry for each pair; each user's question is at the newest entry."""
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
    """How many items an item-to-item model may have, so that it is fitted within ``memory`` bytes."""
    return max(1, min(MAX_ITEMS, math.isqrt(max(0, memory) // _BYTES_A_CELL)))


def _newest(past: RoundArrays, settings: TrainingSettings) -> tuple[Marked, bool]:
    """The newest part, and whether it is what came after one instant, for which enough users must be active.

    These are users who were there before, or visitors who did several things after it. Else it is each user's
    own newest part. A pair is new by its first event; `touched_again` gives what came after the cut of pairs
    that are older.
    """
    pairs = past.pairs
    cut = time_cut(pairs, 1 - _SHARE)
    newest = as_known(past, Marked(pairs, newer_than(pairs, cut)), settings, cut)
    again = touched_again(past, newest, settings)
    positive = newest.held_out & newest.pairs.positive
    asking = np.union1d(newest.pairs.users[positive], again.users[again.positive])
    known = np.unique(newest.past.users)
    many = len(np.intersect1d(asking, known))
    if many >= _LEAST_USERS or (many >= MIN_USERS and 2 * many > len(known)):
        return newest, True
    least = _LEAST_VISITS if many < MIN_USERS else _LEAST_USERS
    if _are_visits(pairs) and _going_on(newest) >= least:
        return newest, True
    newest = Marked(pairs, per_user_temporal(pairs, _SHARE))
    return as_known(past, newest, settings), False


def _are_visits(pairs: Pairs) -> bool:
    counts = np.bincount(pairs.users)
    return bool(np.median(counts[counts > 0]) < _ITEMS_OF_A_VISIT)


def _going_on(newest: Marked) -> int:
    """How many users liked an item in the newest part after doing something else."""
    pairs = newest.pairs
    first = np.full(int(pairs.users.max(initial=0)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, pairs.users, pairs.first_times)
    follows = newest.held_out & pairs.positive & (pairs.first_times > first[pairs.users])
    return len(np.unique(pairs.users[follows]))
