"""Each arm against the control, in every metric: pure, from observations to records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from contracts.experiments.definition import Definition, MetricName
from contracts.experiments.report import ComparisonRecord, GuardrailRecord, Interval, NoveltyRecord
from experiments.observations.units import Observations
from experiments.report.metrics import UnitValues, unit_values
from experiments.statistics.comparison import Verdict, any_time, difference, fixed_horizon
from experiments.statistics.correction import holm
from experiments.statistics.cuped import adjust
from experiments.statistics.novelty import novelty
from experiments.statistics.ratio import ArmValue, Array, arm_value, linearise, ratio_sums

ALPHA = 0.05
MAX_DAYS = 30  # of the effect by day


class _Compared(NamedTuple):
    lift: float
    fixed: Verdict
    any_time: Verdict
    cuped: Verdict
    reduction: float


def comparisons(definition: Definition, observations: Observations) -> list[ComparisonRecord]:
    """Every arm and metric, with p-values corrected over all of them."""
    found = {
        (arm.name, metric): _compare(definition, observations, place, metric)
        for place, arm in enumerate(definition.arms)
        if place
        for metric in definition.all_metrics
    }
    fixed = holm({key: _p_value(each.fixed) for key, each in found.items()})
    valid = holm({key: _p_value(each.any_time) for key, each in found.items()})
    adjusted = holm({key: _p_value(each.cuped) for key, each in found.items()})
    return [
        ComparisonRecord(
            arm=arm,
            metric=metric,
            lift=_number(each.lift),
            fixed_horizon=_interval(each.fixed, fixed[arm, metric]),
            any_time=_interval(each.any_time, valid[arm, metric]),
            with_cuped=_interval(each.cuped, adjusted[arm, metric]),
            variance_reduction=each.reduction,
        )
        for (arm, metric), each in found.items()
    ]


def value_of(values: UnitValues) -> ArmValue:
    """The metric of the units."""
    return arm_value(ratio_sums(values.numerator, values.denominator))


def arm_values(observations: Observations, metric: MetricName, place: int) -> UnitValues:
    """A metric's counts of the units of one arm."""
    return unit_values(observations, metric).of_units(observations.arm == place)


def _compare(definition: Definition, observations: Observations, place: int, metric: MetricName) -> _Compared:
    observations = observations.comparable_with(place)
    control, arm = (arm_values(observations, metric, each) for each in (0, place))
    a, b, effect = value_of(control), value_of(arm), definition.minimum_effect
    adjusted_a, adjusted_b, reduction = _with_cuped(observations, {0: control, place: arm}, place)
    return _Compared(
        lift=float(difference(a, b).lift),
        fixed=fixed_horizon(a, b, ALPHA),
        any_time=any_time(a, b, effect, ALPHA),
        cuped=any_time(adjusted_a, adjusted_b, effect, ALPHA),
        reduction=reduction,
    )


def _with_cuped(
    observations: Observations, by_arm: Mapping[int, UnitValues], place: int
) -> tuple[ArmValue, ArmValue, float]:
    values: dict[str, Array] = {}
    for each, counts in by_arm.items():
        if not counts.denominator.sum():
            return value_of(by_arm[0]), value_of(by_arm[place]), 0.0
        values[str(each)] = linearise(counts.numerator, counts.denominator)
    before = {str(each): observations.before[observations.arm == each] for each in by_arm}
    adjusted = adjust(values, before)
    a, b = (arm_value(ratio_sums(adjusted.values[str(each)])) for each in (0, place))
    return a, b, adjusted.reduction


def guardrail_records(definition: Definition, observations: Observations) -> list[GuardrailRecord]:
    """Whether an arm surely loses more than it may, by intervals that hold at every look and all together."""
    checks = len(definition.guardrails) * (len(definition.arms) - 1)
    found = []
    for guardrail in definition.guardrails:
        for place, arm in enumerate(definition.arms):
            if place == 0:
                continue
            compared = observations.comparable_with(place)
            verdict = any_time(
                value_of(arm_values(compared, guardrail.metric, 0)),
                value_of(arm_values(compared, guardrail.metric, place)),
                max(guardrail.may_lose, definition.minimum_effect),
                ALPHA / checks,
            )
            high = float(verdict.high)
            found.append(
                GuardrailRecord(
                    arm=arm.name,
                    metric=guardrail.metric,
                    may_lose=guardrail.may_lose,
                    low=_number(float(verdict.low)),
                    high=_number(high),
                    violated=high < -guardrail.may_lose,
                )
            )
    return found


def novelty_records(definition: Definition, observations: Observations) -> list[NoveltyRecord]:
    """The lift of the primary metric on each day since the first exposure, of units that lived through it."""
    return [
        _novelty_of(definition, observations.comparable_with(place), place)
        for place in range(1, len(definition.arms))
    ]


def _novelty_of(definition: Definition, observations: Observations, place: int) -> NoveltyRecord:
    lifts, variances = [], []
    for day in range(MAX_DAYS):
        if not observations.on_day(day).any():
            break
        values, lived = unit_values(observations, definition.primary, day), observations.on_day(day)
        a, b = (value_of(values.of_units(lived & (observations.arm == each))) for each in (0, place))
        found = difference(a, b)
        lifts.append(float(found.lift))
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = b.value / a.value
            variances.append(float((b.variance + ratio**2 * a.variance) / a.value**2))
    trend = novelty(lifts, variances)
    return NoveltyRecord(
        arm=definition.arms[place].name,
        lifts=[_number(lift) for lift in lifts],
        slope=trend.slope,
        p_value=trend.p_value,
        found=trend.is_found,
    )


def _p_value(verdict: Verdict) -> float:
    """A test without a figure has found nothing."""
    value = float(verdict.p_value)
    return value if np.isfinite(value) else 1.0


def _interval(verdict: Verdict, corrected: float) -> Interval:
    return Interval(
        p_value=_p_value(verdict),
        low=_number(float(verdict.low)),
        high=_number(float(verdict.high)),
        corrected_p_value=corrected,
    )


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None


def counts_of(observations: Observations, place: int, names: Sequence[str]) -> list[int]:
    """How often each thing happened in an arm."""
    units, inside = len(observations.unit_ids), observations.arm == place
    return [int(observations.counts[name].by_unit(units)[inside].sum()) for name in names]
