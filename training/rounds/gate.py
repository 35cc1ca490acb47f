"""The gate fits on the past, measures the lists on what came later, compares with rivals, and decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from algorithms.bootstrap import Figure
from algorithms.gate import BASELINES, Decision, decide
from algorithms.loss import implicit_loss
from algorithms.metrics import Lists
from algorithms.parallel import begin
from contracts.settings import TrainingSettings
from contracts.stored.manifest import EvaluationRecord, FigureTriple
from training.evaluation.chosen_blend import ChosenBlend, default_blend, of_record
from training.evaluation.comparison import (
    RESAMPLES,
    Evaluation,
    ServedModel,
    baseline_lists,
    evaluate,
    model_lists,
    predict_ratings,
    rating_figures,
)
from training.evaluation.held_out import HeldOut
from training.evaluation.rating_bands import rating_bands
from training.evaluation.slice import Slice
from training.fit.als import ranking, rating
from training.fit.factors import Matrix
from training.fit.warm import may_be_warm
from training.lists.users import ReusedLists
from training.rounds.champion import Champion
from training.rounds.contenders import contenders
from training.rounds.parameters import recorded_parameters
from training.rounds.round_data import MeasuredItems, RoundData

_NOTHING = Decision(True, "trending", "nothing to measure on: nobody who is known liked anything later", {})
_NOT_MEASURED = MeasuredItems(None, None)
_LOSS_SLACK = 1.01  # a warm fit's loss on its own data may be this multiple of that of its start
_RIVAL_METRICS = ("precision", "recall", "ndcg", "map", "mrr", "hit_rate", "coverage")


@dataclass(frozen=True)
class Assessment:
    """The figures, the decision, how the final fit is to be made, and the item factors that were measured."""

    metrics: dict[str, float | None]
    evaluation: EvaluationRecord
    decision: Decision
    warm: bool
    fit_reason: str  # why the fit is warm, or why it is not
    measured_items: MeasuredItems = _NOT_MEASURED
    blend: ChosenBlend | None = None  # the blend that ranks in the version; None: its factors alone

    def reusable_lists(self, champion: Champion | None, settings: TrainingSettings) -> ReusedLists | None:
        """The lists that may be kept where they are still good: the champion's, in a warm round.

        None where its items have other indexes, and where a blend ranks, because whether a list is still good
        can be told for factors only.
        """
        if self.blend is not None or champion is None or champion.manifest.blend is not None:
            return None
        if not self.warm or not champion.same_indexes or not settings.list_tolerance:
            return None
        return ReusedLists(champion.manifest.version, settings.list_tolerance)


@dataclass(frozen=True)
class Gate:
    """Decides whether a round may publish."""

    settings: TrainingSettings

    def assess(self, data: RoundData, champion: Champion | None) -> Assessment:
        """Fit on the past and compare with the baselines and, where it was measured alike, the champion.

        A warm fit that fails, by its loss or at the gate, is tried again as a full one.
        """
        settings, manifest = self.settings, champion.manifest if champion else None
        warmth = may_be_warm(manifest, recorded_parameters(settings), data.counts.interactions, settings)
        before = champion.evaluation if champion else None
        with data.hold_out(settings, before) as (slice_, evaluation):
            if slice_ is None:
                blend = self._blend_without_measure(champion, warmth.warm)
                return Assessment({}, evaluation, _NOTHING, warmth.warm, warmth.reason, blend=blend)
            has_ratings = not np.isnan(slice_.held_out.past.ratings).all()
            # Beside the rest: it takes as long as the fit of the ranking model.
            is_full = has_ratings and not warmth.warm
            full_fit = begin(partial(self._fit_ratings, slice_, None)) if is_full else None
            baselines = self._begin_baselines(slice_)
            found = self._assess_ranking(slice_, champion, baselines, warmth.warm, warmth.reason)
            if found.warm and not found.decision.publish:
                reason = found.decision.reason
                found = self._assess_ranking(slice_, champion, baselines, warm=False, fit_reason=reason)
            if not has_ratings:
                return found
            if found.warm or full_fit is None:
                start = champion.measured_rating_items if champion and found.warm else None
                return self._add_rating_figures(slice_, found, self._fit_ratings(slice_, start))
            return self._add_rating_figures(slice_, found, full_fit())

    def _fit_ratings(self, slice_: Slice, start: Matrix | None) -> Matrix:
        return slice_.learnt.fit_items(rating(self.settings), start, self.settings.seed)

    def _blend_without_measure(self, champion: Champion | None, warm: bool) -> ChosenBlend | None:
        if self.settings.ranking == "als":
            return None
        if warm and champion is not None and champion.manifest.blend is not None:
            return of_record(champion.manifest.blend)
        return default_blend("there was nothing to choose on: the defaults")

    def _begin_baselines(self, slice_: Slice) -> Callable[[bool], dict[str, Lists]]:
        """Begin the baselines' lists beside the fits. Gives them, with or without items that users had."""
        rank = partial(
            baseline_lists,
            scores=slice_.scores,
            half_life=slice_.half_life,
            k=self.settings.metrics_k,
            seed=self.settings.seed,
        )
        new_only = partial(rank, slice_.held_out)
        if slice_.with_known is None:
            found = begin(new_only)
            return lambda _: found()
        # Which of the two is wanted is known when the blend is.
        with_known = partial(rank, slice_.with_known, known_too=True)
        return lambda known_too: with_known() if known_too else new_only()

    def _assess_ranking(
        self,
        slice_: Slice,
        champion: Champion | None,
        baselines: Callable[[bool], dict[str, Lists]],
        warm: bool,
        fit_reason: str,
    ) -> Assessment:
        settings, held_out, evaluation = self.settings, slice_.held_out, slice_.evaluation
        problem, k, seed = ranking(settings), settings.metrics_k, settings.seed
        champion_items = champion.measured_items if champion else None
        # It goes on beside the choice of the weights.
        fit_items = begin(lambda: slice_.learnt.fit_items(problem, champion_items if warm else None, seed))
        if warm and champion_items is not None:
            pair = champion_items, fit_items()
            before, after = (_loss(ServedModel(each, problem), held_out) for each in pair)
            evaluation = evaluation.with_parts(loss=(round(before, 4), round(after, 4)))
            if not after <= before * _LOSS_SLACK:
                rose = f"the warm fit's loss rose from {before:g} to {after:g}"
                return Assessment({}, evaluation, Decision(False, "model", rose, {}), warm, fit_reason)
        compared = contenders(slice_, settings, fit_items, champion, warm)
        items, held_out, known_too = compared.items, compared.held_out, compared.with_known_items
        if known_too:
            evaluation = with_known_items(evaluation, held_out)
        lists = model_lists(compared.models, held_out, slice_.scores, k) | baselines(known_too)
        comparison = evaluate(lists, held_out, slice_.scores, items, k, seed)
        rivals = {name: comparison.ndcg[name] for name in (*BASELINES, "champion") if name in comparison.ndcg}
        decision = decide(comparison.ndcg["model"], rivals, settings.gate_bound, RESAMPLES, seed)
        metrics = mean_metrics(comparison) | {"users_measured": float(len(comparison.ndcg["model"]))}
        return Assessment(
            metrics=metrics,
            evaluation=with_figures(evaluation, comparison),
            decision=decision,
            warm=warm,
            fit_reason=fit_reason,
            measured_items=MeasuredItems(items, None),
            blend=compared.blend,
        )

    def _add_rating_figures(self, slice_: Slice, found: Assessment, items: Matrix) -> Assessment:
        """Measure rating prediction too, by these factors."""
        problem = rating(self.settings)
        ratings, predicted = predict_ratings(ServedModel(items, problem), slice_.held_out)
        figures = rating_figures(ratings, predicted, problem.cold_start_strategy)
        return replace(
            found,
            metrics={**figures, **found.metrics},
            evaluation=found.evaluation.with_parts(rating_bands=rating_bands(ratings, predicted)),
            measured_items=found.measured_items._replace(rating=items),
        )


def _loss(model: ServedModel, held_out: HeldOut) -> float:
    """The loss on the past of the measured users."""
    past = held_out.past
    return implicit_loss(
        model.fold_in(past),
        model.item_factors,
        past.indptr,
        past.items,
        past.strengths,
        reg_param=model.problem.reg_param,
        alpha=model.problem.alpha,
    )


def with_known_items(evaluation: EvaluationRecord, held_out: HeldOut) -> EvaluationRecord:
    """The record of a measurement in which items that users had before count as found."""
    counts = held_out.counts
    return evaluation.with_parts(
        known_items=True,
        users_tested=counts.tested,
        users_without_positives=counts.tested - counts.with_positives,
        cold_users_share=round(1 - counts.warm / counts.with_positives, 6),
    )


def mean_metrics(comparison: Evaluation) -> dict[str, float | None]:
    """The means for the manifest's ``metrics``: the model's by metric, a rival's with its name in front."""
    model = comparison.figures["model"]
    found: dict[str, float | None] = {name: round(figure.mean, 6) for name, figure in model.items()}
    for who, figures in comparison.figures.items():
        if who != "model":
            short = {name: figure for name, figure in figures.items() if name.split("@")[0] in _RIVAL_METRICS}
            found |= {f"{who}_{name}": round(figure.mean, 6) for name, figure in short.items()}
    return found


def with_figures(evaluation: EvaluationRecord, comparison: Evaluation) -> EvaluationRecord:
    """The record with every figure and its interval, for the manifest and the report."""
    return evaluation.with_parts(
        figures={who: _round(figures) for who, figures in comparison.figures.items()},
        segments={
            segment: {who: _round(figures) for who, figures in lists.items()}
            for segment, lists in comparison.segments.items()
        },
        long_tail=comparison.long_tail,
    )


def _round(figures: Mapping[str, Figure]) -> dict[str, FigureTriple]:
    return {
        name: (round(float(figure.mean), 5), round(float(figure.low), 5), round(float(figure.high), 5))
        for name, figure in figures.items()
    }
