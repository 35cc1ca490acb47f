"""The six classic practices of an A/B test, whether a run keeps each, and the decision about the run."""

from __future__ import annotations

from collections.abc import Sequence

from contracts.experiments.definition import Definition
from contracts.experiments.report import (
    ComparisonRecord,
    GuardrailRecord,
    NoveltyRecord,
    PlanRecord,
    Practice,
    SampleRatioRecord,
)

ALPHA = 0.05
WHOLE_WEEK = 7.0


def practices(
    definition: Definition,
    sample_ratio: SampleRatioRecord,
    plan: PlanRecord,
    novelty: Sequence[NoveltyRecord],
    comparisons: Sequence[ComparisonRecord],
    versions: int,
    others: Sequence[str],
) -> list[Practice]:
    """Each practice with its reason. ``others`` are experiments that ran at the same time."""
    changing = [each.arm for each in novelty if each.found]
    measured = [each for each in novelty if each.slope is not None]
    significant = [each for each in _primary(definition, comparisons) if _is_found(each)]
    outside = [f"{versions} model versions were served" * (versions > 1 and not definition.named_versions())]
    outside += [f"{', '.join(others)} ran at the same time" * bool(others)]
    outside += [f"only {plan.days_run:.1f} days: less than a week" * (plan.days_run < WHOLE_WEEK)]
    reasons = [reason for reason in outside if reason]
    metrics = len(definition.all_metrics)
    return [
        Practice(
            name="randomisation checked",
            holds=not sample_ratio.alarm,
            why=f"the split differs from the weights with p = {sample_ratio.p_value:.2g}"
            if sample_ratio.alarm
            else f"the split is that of the weights (p = {sample_ratio.p_value:.2g})",
        ),
        Practice(
            name="long enough",
            holds=plan.days_run >= plan.planned_days and plan.days_left == 0.0,
            why=f"{plan.days_run:.1f} of {plan.planned_days} days, " + _units(plan, definition),
        ),
        Practice(
            name="novelty looked at",
            holds=bool(measured) and not changing,
            why=f"the effect changes by day in {', '.join(changing)}"
            if changing
            else ("no trend by day" if measured else "too few days to see a trend"),
        ),
        Practice(
            name="several metrics",
            holds=metrics > 1,
            why=f"{metrics} metrics, corrected together by Holm",
        ),
        Practice(
            name="significance",
            holds=bool(significant),
            why=", ".join(f"{each.arm}: p = {each.any_time.corrected_p_value:.2g}" for each in significant)
            or "no difference in the primary metric that holds at every look",
        ),
        Practice(
            name="external factors",
            holds=not reasons,
            why="; ".join(reasons) or "a week or more, one model, no other experiment",
        ),
    ]


def decide(
    definition: Definition,
    sample_ratio: SampleRatioRecord,
    plan: PlanRecord,
    guardrails: Sequence[GuardrailRecord],
    comparisons: Sequence[ComparisonRecord],
    is_running: bool,
) -> str:
    """One sentence: what the figures of the arms that were not stopped say, and what to do."""
    if sample_ratio.alarm:
        units = f"{definition.unit}s are not split as the weights say"
        return f"Trust no figure: {units}. Find out why before another run."
    broken = sorted({each.arm for each in guardrails if each.violated})
    if broken:
        return f"Stop {', '.join(broken)}: a guardrail is surely violated."
    primary = _primary(definition, comparisons)
    if not primary:
        return f"Keep {definition.control.name}: every other arm was stopped."
    better = [each for each in primary if _is_found(each) and (each.lift or 0) > 0]
    if better:
        best = max(better, key=lambda each: each.lift or 0)
        return (
            f"{best.arm} is better: {definition.primary} {best.lift:+.1%} "
            f"[{_format_bound(best.any_time.low)}, {_format_bound(best.any_time.high)}], "
            "and this holds at every look."
        )
    if all(_is_found(each) for each in primary):
        return f"Keep {definition.control.name}: every other arm is worse in {definition.primary}."
    if plan.days_left == 0.0 and plan.days_run >= plan.planned_days:
        return (
            f"No lift of {definition.minimum_effect:.0%} was found with the planned users and days: keep "
            f"{definition.control.name}."
        )
    if not is_running:
        users = (
            ""
            if plan.needed_users is None
            else f", and {plan.needed_users:,} {definition.unit}s for each arm"
        )
        days = f"another run needs its {plan.planned_days} days"
        return f"Nothing was found before it was stopped; {days}{users}."
    return f"Wait: {_units(plan, definition)}."


def _primary(definition: Definition, comparisons: Sequence[ComparisonRecord]) -> list[ComparisonRecord]:
    return [each for each in comparisons if each.metric == definition.primary]


def _is_found(comparison: ComparisonRecord) -> bool:
    corrected = comparison.any_time.corrected_p_value
    return corrected is not None and corrected < ALPHA


def _units(plan: PlanRecord, definition: Definition) -> str:
    if plan.needed_users is None:
        return "the control has no value yet"
    if plan.days_left is None:
        return f"{plan.needed_users:,} {definition.unit}s are needed in each arm, and none comes"
    if plan.days_left == 0.0:
        return f"the {plan.needed_users:,} {definition.unit}s that each arm needs are here"
    return f"{plan.needed_users:,} {definition.unit}s are needed in each arm: about {plan.days_left:.1f} days"


def _format_bound(value: float | None) -> str:
    return "unbounded" if value is None else f"{value:+.1%}"
