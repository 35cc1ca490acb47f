"""The data that fits are measured on: a past to train on, and what a sample of users did later."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from pyspark.sql import DataFrame

from algorithms.blending.weights import Candidate
from algorithms.signals.factors import Factors
from contracts.settings import TrainingSettings
from contracts.stored.manifest import EvaluationRecord
from training.data import split
from training.data.as_known import Repeats, as_known
from training.data.time_quantile import time_quantile
from training.evaluation.chosen_blend import ChosenBlend
from training.evaluation.held_out import HeldOut, MeasurableUsers, count_users
from training.evaluation.item_scores import ItemScores
from training.evaluation.rival_lists import best_half_life
from training.fit.als import Problem
from training.fit.factors import Matrix

FALLBACK = "per_user_temporal"


class FitsItems(Protocol):
    """Rows that a problem can be fitted to, wherever they lie."""

    def fit_items(self, problem: Problem, start: Matrix | None, seed: int) -> Matrix:
        """The item factors by index: of a full fit, or of a warm one from ``start``."""


class FitsSignals(Protocol):
    """A past that signals can be fitted to."""

    def fit(self, factors: Factors, names: Collection[str]) -> list[Candidate]:
        """The signals of these names; those of the factors score by the given ones."""

    def choose(self, problem: Problem, seed: int) -> ChosenBlend:
        """The weights that rank the newest part of this past best, by signals fitted on its rest."""


@dataclass(frozen=True)
class Slice:
    """``evaluation`` says how it was made, for the manifest; ``half_life`` is recent popularity's, tuned.

    ``signals`` are fitted to the same past; None where that is on the executors. ``with_known`` holds all
    that users did later, also with items that they had had; None where nobody came back to any.
    """

    learnt: FitsItems
    held_out: HeldOut
    scores: ItemScores
    half_life: int
    evaluation: EvaluationRecord
    signals: FitsSignals | None = None
    with_known: HeldOut | None = None


def split_rows(
    rows: DataFrame, settings: TrainingSettings, champion: EvaluationRecord | None, repeats: Repeats | None
) -> tuple[DataFrame, EvaluationRecord, MeasurableUsers]:
    """Rows with `held_out` (kept on the executors), how they were split, and how many users that gives.

    ``champion`` is the evaluation in the champion's manifest: what its measured fit was trained on is not
    held out. ``repeats`` says what was known at the cut about pairs that were touched again.
    """
    name: str = settings.evaluation_split
    evaluation = EvaluationRecord(split=name, k=settings.metrics_k, seed=settings.seed)
    if name == "global_time":
        cutoff = max(time_quantile(rows, 1 - settings.holdout_fraction), (champion and champion.cutoff) or 0)
        newer = as_known(split.newer_than(rows, cutoff), repeats, cutoff).persist()
        counts = count_users(newer)
        if counts.warm >= settings.gate_min_users:
            return newer, evaluation.with_parts(cutoff=cutoff), counts
        newer.unpersist()
        few = f"global_time gives {counts.warm} users with a past and a later positive (GATE_MIN_USERS)"
        name, evaluation = FALLBACK, evaluation.with_parts(split=FALLBACK, split_reason=few)
    held_out = dict(split.SPLITS)[name](rows, settings.holdout_fraction, settings.seed)
    if name in split.TEMPORAL:
        held_out = as_known(held_out, repeats)
    held_out = held_out.persist()
    return held_out, evaluation, count_users(held_out)


def make_slice(
    learnt: FitsItems,
    held_out: HeldOut,
    score_items: Callable[[int], ItemScores],
    evaluation: EvaluationRecord,
    settings: TrainingSettings,
    signals: FitsSignals | None = None,
    with_known: HeldOut | None = None,
) -> Slice | None:
    """Make the slice, with item scores from the past. None if there is nothing to measure on.

    ``score_items`` gives the items' scores by the rows of the past that are not after an instant (epoch ms).
    """
    counts, times = held_out.counts, held_out.past.times
    if not len(times) or not held_out.later.liked.any():
        return None
    # Tuned on the newest part of the past, so that it does not know what is held out.
    earlier = int(np.quantile(times, 1 - settings.holdout_fraction))
    recent = score_items(earlier).recent
    half_life = best_half_life(recent, held_out, earlier, settings.metrics_k)
    scores = score_items(int(times.max()) if evaluation.cutoff is None else evaluation.cutoff)
    later = held_out.later.where(held_out.later.liked)
    cold = float((scores.users[later.items] == 0).mean()) if len(later.items) else 0.0
    evaluation = evaluation.with_parts(
        users_tested=counts.tested,
        users_without_positives=counts.tested - counts.with_positives,
        cold_users_share=round(1 - counts.warm / counts.with_positives, 6),
        cold_items_share=round(cold, 6),
        recent_half_life_seconds=half_life,
    )
    return Slice(
        learnt=learnt,
        held_out=held_out,
        scores=scores,
        half_life=half_life,
        evaluation=evaluation,
        signals=signals,
        with_known=with_known,
    )
