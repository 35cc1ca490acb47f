"""Measure a round before it is published: fit on the past, compare on what came later, decide."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from algorithms.gate import BASELINES, Decision, decide
from algorithms.loss import implicit_loss
from contracts.settings import TrainingSettings
from training.data.load import Learnt
from training.evaluation.comparison import RESAMPLES, Evaluation, Served, all_lists, evaluate, rating_figures
from training.evaluation.held_out import HeldOut
from training.evaluation.slice import Slice, make_slice, marked
from training.fit.als import Problem, full_fit, ranking, rating
from training.fit.factors import Matrix
from training.fit.warm import warm_fit
from training.rounds.start import Start

_NOTHING = Decision(True, "trending", "nothing to measure on: nobody who is known liked anything later", {})
_LOSS_SLACK = 1.01  # a warm fit may not be worse on its own data than what it starts from
_FLAT = ("precision", "recall", "ndcg", "map", "mrr", "hit_rate", "coverage")


@dataclass(frozen=True)
class Assessment:
    """For the manifest and for the gate, and the item factors of the fits that were measured."""

    metrics: dict[str, float]
    evaluation: dict[str, Any]
    decision: Decision
    warm: bool
    why_not_warm: str = ""
    item_factors: Matrix | None = None
    rating_item_factors: Matrix | None = None


def assess(settings: TrainingSettings, learnt: Learnt, start: Start | None, warm: bool) -> Assessment:
    """Fit on the past and compare with the baselines and, where it was measured alike, the champion.

    A warm fit that fails, by its loss or at the gate, is tried again as a full one.
    """
    champion = start.evaluation if start else {}
    rows, about, counts = marked(learnt.preferences, settings, champion, learnt.repeats)
    try:
        slice_ = make_slice(rows, counts, about, learnt.counts["items"], settings)
        if slice_ is None:
            return Assessment({}, about, _NOTHING, warm)
        found = _ranked(settings, learnt, slice_, start, warm)
        if warm and not found.decision.publish:
            why = found.decision.reason
            found = replace(_ranked(settings, learnt, slice_, start, warm=False), why_not_warm=why)
        return _rated(settings, learnt, slice_, start, found)
    finally:
        rows.unpersist()


def _ranked(
    settings: TrainingSettings, learnt: Learnt, slice_: Slice, start: Start | None, warm: bool
) -> Assessment:
    problem, held_out, k, seed = ranking(settings), slice_.held_out, settings.metrics_k, settings.seed
    champion, about = start.measured_items if start else None, slice_.about
    items = _fit(learnt, slice_, problem, champion if warm else None, seed)
    if warm and champion is not None:
        losses = [_loss(Served(factors, problem), held_out) for factors in (champion, items)]
        about = about | {"loss": [round(loss, 4) for loss in losses]}
        if not losses[1] <= losses[0] * _LOSS_SLACK:
            rose = f"the warm fit's loss rose from {losses[0]:g} to {losses[1]:g}"
            return Assessment({}, about, Decision(False, "model", rose, {}), warm)
    models = {"model": Served(items, problem)}
    if start is not None and champion is not None and start.evaluation.get("split") == about["split"]:
        models["champion"] = Served(champion, start.as_served(problem))
    lists = all_lists(models, held_out, slice_.scores, slice_.half_life, k, seed)
    evaluation = evaluate(lists, held_out, slice_.scores, items, k, seed)
    rivals = {name: evaluation.ndcg[name] for name in (*BASELINES, "champion") if name in evaluation.ndcg}
    decision = decide(evaluation.ndcg["model"], rivals, settings.gate_bound, RESAMPLES, seed)
    metrics = flat(evaluation) | {"users_measured": float(len(evaluation.ndcg["model"]))}
    return Assessment(metrics, about | detail(evaluation), decision, warm, item_factors=items)


def _rated(
    settings: TrainingSettings, learnt: Learnt, slice_: Slice, start: Start | None, found: Assessment
) -> Assessment:
    """The figures of rating prediction added, where there is a rating to learn from."""
    if np.isnan(slice_.held_out.learnt.ratings).all():
        return found
    problem = rating(settings)
    champion = start.measured_rating_items if start and found.warm else None
    items = _fit(learnt, slice_, problem, champion, settings.seed)
    figures = rating_figures(Served(items, problem), slice_.held_out)
    return replace(found, metrics=figures | found.metrics, rating_item_factors=items)


def _fit(learnt: Learnt, slice_: Slice, problem: Problem, start: Matrix | None, seed: int) -> Matrix:
    if start is None:
        fit = full_fit(slice_.train, problem, learnt.counts["items"], learnt.blocks, seed)
    else:
        fit = warm_fit(slice_.train, problem, start, learnt.counts["users"], learnt.blocks)
    fit.release()
    return fit.items


def _loss(model: Served, held_out: HeldOut) -> float:
    """Of the measured users on what is learnt of them."""
    learnt = held_out.learnt
    rest = (learnt.indptr, learnt.items, learnt.strengths)
    return implicit_loss(
        model.fold_in(learnt),
        model.item_factors,
        *rest,
        reg_param=model.problem.reg_param,
        alpha=model.problem.alpha,
    )


def flat(evaluation: Evaluation) -> dict[str, float]:
    """The means as they stand in ``metrics``: the model's by their names, a rival's behind its own."""
    found = {name: round(figure.mean, 6) for name, figure in evaluation.figures["model"].items()}
    for who, figures in evaluation.figures.items():
        if who != "model":
            short = {name: figure for name, figure in figures.items() if name.split("@")[0] in _FLAT}
            found |= {f"{who}_{name}": round(figure.mean, 6) for name, figure in short.items()}
    return found


def detail(evaluation: Evaluation) -> dict[str, Any]:
    """Everything with its interval, [mean, low, high], for the manifest and the report."""

    def rounded(figures: dict[str, Any]) -> dict[str, list[float]]:
        return {name: [round(float(x), 5) for x in figure] for name, figure in figures.items()}

    return {
        "figures": {who: rounded(figures) for who, figures in evaluation.figures.items()},
        "segments": {
            segment: {who: rounded(figures) for who, figures in by.items()}
            for segment, by in evaluation.segments.items()
        },
        "long_tail": evaluation.long_tail,
    }
