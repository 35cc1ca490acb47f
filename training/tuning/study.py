"""The search for a ranking model's parameters: Optuna over a study that can be resumed.

Everything is chosen on a validation slice within the past, by the same split as the gate's; what the gate
holds out is never seen here. Where a blend ranks, a trial is worth what its blend is worth
(`training.tuning.blended_validation`). Where the factors rank alone, it sweeps with the fold-in kernel and
reports after every few sweeps, so that a hopeless one is stopped early.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import optuna
from optuna.trial import TrialState
from pyspark.sql import SparkSession

from algorithms.metrics import ndcg_at_k
from contracts.settings import TuneSettings
from training.data import dataset, split
from training.data.load import TrainingData, load
from training.evaluation.comparison import ServedModel
from training.evaluation.held_out import HeldOut, collect
from training.evaluation.slice import split_rows
from training.fit.als import ranking
from training.fit.factors import Matrix
from training.fit.warm import Sides, sides, sweep
from training.registry.outcome import TrainingError
from training.tuning.blended_validation import BlendedValidation, quality_of

log = logging.getLogger("headwater.training")
_SWEEPS_A_STEP = 2
# By what judges the trials, because their figures do not compare.
STUDY, BLENDED_STUDY = "ranking", "blended ranking"


class ValidationSlice(NamedTuple):
    """The data that trials are fitted to and measured on."""

    data: TrainingData
    held_out: HeldOut
    rows: Sides  # to train on


@dataclass
class Validation:
    """The validation slices, one for each mapping of ratings, each made once."""

    spark: SparkSession
    settings: TuneSettings
    slices: dict[int, ValidationSlice] = field(default_factory=dict)

    def next_part(self, mapping: int) -> ValidationSlice:
        """The slice by the place of the mapping in TUNE_RATING_STRENGTHS."""
        if mapping not in self.slices:
            self.slices[mapping] = self._make(mapping)
        return self.slices[mapping]

    def _make(self, mapping: int) -> ValidationSlice:
        settings = with_mapping(self.settings, mapping)
        version = dataset.newest_version(self.spark, settings.lake_uri)
        data = load(self.spark, settings, version) if version is not None else None
        if data is None:
            raise TrainingError("There is not enough in the lake to tune on (TRAIN_MIN_EVENTS)")
        whole, _, _ = split_rows(data.preferences, settings, None, data.repeats)
        past = split.parts(whole)[0]
        rows, _, counts = split_rows(past, settings, None, data.repeats)
        whole.unpersist()
        if not counts.warm:
            raise TrainingError("Nobody who is known liked anything later: there is nothing to tune on yet")
        held_out = collect(rows, counts, settings.evaluation_users, settings.seed)
        return ValidationSlice(data, held_out, sides(split.parts(rows)[0], ranking(settings), data.blocks))


def with_mapping(settings: TuneSettings, mapping: int) -> TuneSettings:
    """The settings with one of TUNE_RATING_STRENGTHS."""
    if not settings.tune_rating_strengths:
        return settings
    return settings.model_copy(update={"rating_strengths": settings.tune_rating_strengths[mapping]})


def suggest(trial: optuna.Trial, settings: TuneSettings, blended: bool = False) -> dict[str, Any]:
    """One point of the search space; a blend chooses its half-lives itself."""
    mappings = max(1, len(settings.tune_rating_strengths))
    point: dict[str, Any] = {
        "als_rank": trial.suggest_int("als_rank", *settings.tune_rank, log=True),
        "als_reg_param": trial.suggest_float("als_reg_param", *settings.tune_reg_param, log=True),
        "als_alpha": trial.suggest_float("als_alpha", *settings.tune_alpha, log=True),
        "als_max_iter": trial.suggest_int("als_max_iter", *settings.tune_iterations),
        "mapping": trial.suggest_int("mapping", 0, mappings - 1),
    }
    if not blended:
        name = "fold_half_life_items"
        point[name] = trial.suggest_categorical(name, half_lives(settings))
    return point


def half_lives(settings: TuneSettings) -> tuple[float, ...]:
    """The values to choose from, the present one included."""
    return tuple(sorted({*settings.tune_half_life_items, settings.fold_half_life_items}))


def objective(validation: Validation) -> Callable[[optuna.Trial], float]:
    """NDCG@k of a trial's lists on the validation slice."""

    def measure(trial: optuna.Trial) -> float:
        point = suggest(trial, validation.settings)
        slice_ = validation.next_part(point.pop("mapping"))
        settings = validation.settings.model_copy(update=point)
        problem, items = ranking(settings), _random_items(slice_.data, settings)
        quality = 0.0
        for done in range(0, settings.als_max_iter, _SWEEPS_A_STEP):
            sweeps = min(_SWEEPS_A_STEP, settings.als_max_iter - done)
            items = sweep(slice_.rows, problem, items, slice_.data.counts.users, sweeps)
            served = ServedModel(items, problem, settings.fold_half_life_items)
            quality = _ndcg(served, slice_.held_out, settings.metrics_k)
            trial.report(quality, done + sweeps)
            if trial.should_prune():
                raise optuna.TrialPruned
        return quality

    return measure


def blended_objective(blended: BlendedValidation, settings: TuneSettings) -> Callable[[optuna.Trial], float]:
    """NDCG of the blend that a round with a trial's parameters would choose."""

    def measure(trial: optuna.Trial) -> float:
        point = suggest(trial, settings, blended=True)
        mapping = point.pop("mapping")
        chosen = blended.choose(with_mapping(settings, mapping).model_copy(update=point), mapping)
        quality = None if chosen is None else quality_of(chosen)
        if quality is None:
            raise optuna.TrialPruned
        return quality

    return measure


def _random_items(data: TrainingData, settings: TuneSettings) -> Matrix:
    """Unit vectors, as Spark's ALS starts."""
    rng = np.random.default_rng(settings.seed)
    items = np.abs(rng.normal(size=(data.counts.items, settings.als_rank))).astype(np.float32)
    return np.asarray(items / np.linalg.norm(items, axis=1, keepdims=True), np.float32)


def _ndcg(served: ServedModel, held_out: HeldOut, k: int) -> float:
    lists = served.lists(held_out.past, k)
    return float(np.nanmean(ndcg_at_k(lists, held_out.positives, k)))


def tune(
    validation: Validation,
    storage: str,
    trials: int,
    jobs: int,
    blended: BlendedValidation | None = None,
) -> optuna.Study:
    """Run this number of further trials of the study in the storage, ``jobs`` at once; seeded, resumable.

    ``blended`` judges the trials where a blend ranks; None: the factors rank alone.
    Raises TrainingError where there is nothing to tune on, before the first trial.
    """
    settings = validation.settings
    if blended is None:
        validation.next_part(0)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=storage,
        study_name=BLENDED_STUDY if blended else STUDY,
        direction="maximize",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=_SWEEPS_A_STEP),
    )
    # Another seed at each resumption; the same one would draw the first points again.
    study.sampler = optuna.samplers.TPESampler(seed=settings.seed + len(study.trials))
    present = _defaults(settings, blended is not None)
    complete = study.get_trials(states=[TrialState.COMPLETE])
    if trials and not any(trial.params == present for trial in complete):
        study.enqueue_trial(present)
    measure = blended_objective(blended, settings) if blended else objective(validation)
    study.optimize(measure, n_trials=trials, n_jobs=jobs, callbacks=[_progress])
    return study


def _defaults(settings: TuneSettings, blended: bool) -> dict[str, Any]:
    """The present settings are measured first, so that the winner is never worse than they are."""
    names = ["als_rank", "als_reg_param", "als_alpha", "als_max_iter"]
    if not blended:
        names.append("fold_half_life_items")
    return {name: getattr(settings, name) for name in names} | {"mapping": 0}


def _progress(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
    value = "pruned" if trial.value is None else f"{trial.value:.4f}"
    best = f"best {study.best_value:.4f}" if any(t.value is not None for t in study.trials) else "no best yet"
    log.info("trial %d: %s (%s) %s", trial.number, value, best, trial.params)


def winner(study: optuna.Study, settings: TuneSettings) -> TuneSettings:
    """The settings of the best trial."""
    found = dict(study.best_params)
    return with_mapping(settings, found.pop("mapping")).model_copy(update=found)
