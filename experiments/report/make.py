"""Makes the report of a run from the experiment and what its units did. Pure, no input or output."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from contracts.experiments.record import Experiment
from contracts.experiments.report import ArmFigures, PlanRecord, Report, SampleRatioRecord
from experiments.observations.units import DAY_MS, Observations
from experiments.report.compare import (
    arm_values,
    comparisons,
    counts_of,
    guardrail_records,
    novelty_records,
    value_of,
)
from experiments.report.practices import decide, practices
from experiments.statistics.power import plan
from experiments.statistics.sample_ratio import sample_ratio


def make_report(experiment: Experiment, observations: Observations, others: Sequence[str] = ()) -> Report:
    """Make the report. ``others`` are the experiments that ran at the same time."""
    definition = experiment.definition
    arms = [_arm_figures(experiment, observations, place) for place in range(len(definition.arms))]
    # A stopped arm gets no more users, so only those who came before are compared with the weights.
    whole = observations.first <= min(
        (each.at for each in experiment.stopped_arms), default=observations.until_ms
    )
    counts = [int((whole & (observations.arm == place)).sum()) for place in range(len(arms))]
    split = sample_ratio(counts, [each.weight for each in definition.arms])
    split_record = SampleRatioRecord(p_value=split.p_value, alarm=split.alarm)
    planned, compared = _plan(experiment, observations), comparisons(definition, observations)
    guardrails = guardrail_records(definition, observations)
    novelty = novelty_records(definition, observations)
    going_on = {arm.name for arm in definition.arms} - {each.arm for each in experiment.stopped_arms}
    return Report(
        experiment=experiment.name,
        run=experiment.run,
        state=experiment.state,
        hypothesis=definition.hypothesis,
        unit=definition.unit,
        primary=definition.primary,
        arms=arms,
        comparisons=compared,
        sample_ratio=split_record,
        plan=planned,
        novelty=novelty,
        guardrails=guardrails,
        refused_exposures=observations.refused,
        versions=dict(observations.versions),
        practices=practices(
            definition, split_record, planned, novelty, compared, len(observations.versions), others
        ),
        decision=decide(
            definition,
            split_record,
            planned,
            [each for each in guardrails if each.arm in going_on],
            [each for each in compared if each.arm in going_on],
            experiment.state == "running",
        ),
    )


def _arm_figures(experiment: Experiment, observations: Observations, place: int) -> ArmFigures:
    arm = experiment.definition.arms[place]
    impressions, clicks, conversions = counts_of(
        observations, place, ("impressions", "clicks", "conversions")
    )
    values = {
        metric: float(value_of(arm_values(observations, metric, place)).value)
        for metric in experiment.definition.all_metrics
    }
    reasons = {each.arm: each.reason for each in experiment.stopped_arms}
    return ArmFigures(
        arm=arm.name,
        users=int((observations.arm == place).sum()),
        impressions=impressions,
        clicks=clicks,
        conversions=conversions,
        metrics={metric: value if np.isfinite(value) else None for metric, value in values.items()},
        stopped=reasons.get(arm.name),
    )


def _plan(experiment: Experiment, observations: Observations) -> PlanRecord:
    """The plan of the arm with the fewest users, which is the last one to have enough.

    A stopped arm gets no more, so nobody waits for it.
    """
    assert experiment.started_at is not None
    definition = experiment.definition
    days = max(observations.until_ms - experiment.started_at, 0) / DAY_MS
    control = value_of(arm_values(observations, definition.primary, 0))
    stopped = {each.arm for each in experiment.stopped_arms}
    waited_for = [
        place for place, arm in enumerate(definition.arms) if arm.weight and arm.name not in stopped
    ]
    fewest = min(int((observations.arm == place).sum()) for place in waited_for)
    deviation = float(np.sqrt(control.variance * control.units))
    found = plan(
        value=float(control.value),
        deviation=deviation,
        units=fewest,
        per_day=fewest / days if days else 0.0,
        minimum_effect=definition.minimum_effect,
    )
    return PlanRecord(
        needed_users=found.needed_units,
        power_now=found.power_now,
        days_run=days,
        planned_days=definition.planned_days,
        days_left=found.days_left,
    )
