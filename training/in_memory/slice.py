"""What fits are measured on, from arrays: the in-memory form of `training.evaluation.slice`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from algorithms.signals.history import Moments
from contracts.settings import TrainingSettings
from contracts.stored.manifest import EvaluationRecord
from training.data.xxhash import xxhash64
from training.evaluation.held_out import HeldOut, MeasurableUsers, MeasuredHistories
from training.evaluation.item_scores import HALF_LIVES, ItemScores
from training.evaluation.slice import FALLBACK
from training.in_memory.load import RoundArrays
from training.in_memory.moments import NO_MOMENTS, moments_before, moments_of
from training.in_memory.pairs import Pairs
from training.in_memory.split import Marked, as_known, join_pairs, mark, newer_than, time_cut, touched_again

_LEAST_LOG = -60.0


def marked_rows(
    data: RoundArrays, settings: TrainingSettings, champion: EvaluationRecord | None
) -> tuple[Marked, EvaluationRecord, MeasurableUsers]:
    """Pairs with what is held out, how they were split, and how many users that gives to measure on.

    ``champion`` is the evaluation in its manifest: what its measured fit has learnt is not held out.
    """
    name: str = settings.evaluation_split
    evaluation = EvaluationRecord(split=name, k=settings.metrics_k, seed=settings.seed)
    if name == "global_time":
        known_until = (champion and champion.cutoff) or 0
        cutoff = max(time_cut(data.pairs, 1 - settings.holdout_fraction), known_until)
        newer = as_known(data, Marked(data.pairs, newer_than(data.pairs, cutoff)), settings, cutoff)
        counts = count_users(newer)
        if counts.warm >= settings.gate_min_users:
            return newer, evaluation.with_parts(cutoff=cutoff), counts
        few = f"global_time gives {counts.warm} users with a past and a later positive (GATE_MIN_USERS)"
        name, evaluation = FALLBACK, evaluation.with_parts(split=FALLBACK, split_reason=few)
    held_out = mark(data, name, settings)
    return held_out, evaluation, count_users(held_out)


def count_users(marked: Marked) -> MeasurableUsers:
    """How many users there are to measure on."""
    tested, positive, learnt = _by_user(marked)
    return MeasurableUsers(int(tested.sum()), int(positive.sum()), int((positive & learnt).sum()))


def _by_user(marked: Marked) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """By user: anything held out, a positive held out, anything learnt."""
    pairs, held_out = marked.pairs, marked.held_out
    size = int(pairs.users.max()) + 1 if len(pairs) else 0

    def any_of(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        found = np.zeros(size, np.bool_)
        found[pairs.users[mask]] = True
        return found

    return any_of(held_out), any_of(held_out & pairs.positive), any_of(~held_out)


def collect_with_known(
    data: RoundArrays, past: RoundArrays, marked: Marked, settings: TrainingSettings
) -> HeldOut | None:
    """As `collect`, with later events on items that users had before, too; None where nobody came back.

    ``past`` is the data that ``marked`` leaves to learn from.
    """
    again = touched_again(data, marked, settings)
    if not again.positive.any():
        return None
    new = marked.pairs.where(marked.held_out)
    pairs = join_pairs(join_pairs(past.pairs, replace(new, event_times=new.first_times)), again)
    is_later = np.arange(len(pairs)) >= len(past.pairs)
    order = np.lexsort((is_later, pairs.items, pairs.users))
    both = Marked(pairs.where(order), is_later[order])
    moments = moments_before(past, settings.earlier_events)
    return collect(both, count_users(both), settings.evaluation_users, settings.seed, moments)


def collect(
    marked: Marked, counts: MeasurableUsers, limit: int, seed: int, moments: Moments = NO_MOMENTS
) -> HeldOut:
    """The pairs of at most ``limit`` users of whom anything is held out: those whom executors would draw.

    ``moments`` are the earlier moments of the pairs that are learnt.
    """
    tested = np.flatnonzero(_by_user(marked)[0])
    drawn = tested[np.argsort(xxhash64(tested, seed), kind="stable")][:limit]
    chosen = np.zeros(int(marked.pairs.users.max()) + 1, np.bool_)
    chosen[drawn] = True
    is_chosen = chosen[marked.pairs.users]
    held_out = marked.held_out[is_chosen]
    pairs = marked.pairs.where(is_chosen)
    both = histories(pairs)
    moments = moments_of(pairs.where(~held_out), moments)
    places = np.searchsorted(np.unique(pairs.users), moments.users)
    return HeldOut(both.where(~held_out), both.where(held_out), counts, moments._replace(users=places))


def histories(pairs: Pairs) -> MeasuredHistories:
    """Pairs (ordered by user and item) as CSR, one row for each user who has any."""
    users, place = np.unique(pairs.users, return_inverse=True)
    sizes = np.bincount(place, minlength=len(users))
    return MeasuredHistories(
        indptr=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        items=pairs.items,
        strengths=pairs.strengths.astype(np.float64),
        ratings=pairs.ratings.astype(np.float64),
        liked=pairs.positive,
        times=pairs.event_times,
        grades=pairs.grades.astype(np.float64),
    )


def item_scores(learnt: Pairs, items: int, until: int) -> ItemScores:
    """`training.evaluation.item_scores.item_scores` from arrays, of pairs until ``until`` (epoch ms)."""
    rows = learnt.where(learnt.event_times <= until)
    worth = np.where(np.isnan(rows.ratings), rows.strengths, rows.ratings).astype(np.float64)

    def sums(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(rows.items, weights, minlength=items).astype(np.float64)

    age = (rows.event_times - until).astype(np.float64)
    recent = {
        half_life: sums(worth * 2.0 ** np.maximum(_LEAST_LOG, age / (half_life * 1000.0)))
        for half_life in HALF_LIVES
    }
    users = np.bincount(rows.items, minlength=items).astype(np.int64)
    return ItemScores(users, sums(worth), recent)
