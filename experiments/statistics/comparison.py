"""An arm against the control: the difference, its tests, and intervals for the lift.

Two tests stand beside each other. The fixed-horizon one is Welch's, right when it is looked at once, at the
planned end. The other may be looked at after every event: its interval covers the truth at all times together
with the stated probability. Both intervals are Fieller's: the lifts that the same test would not reject.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import special, stats

from experiments.statistics.ratio import ArmValue, Array

POWER = 0.8
MIN_UNITS = 100  # of an arm, before the sums are near enough to normal for any verdict


class Verdict(NamedTuple):
    """One test: its p-value, and the interval of the lift at its level. Each an array of one shape."""

    p_value: Array
    low: Array
    high: Array


class Difference(NamedTuple):
    """An arm minus the control: the difference, its variance, and the lift as a share of the control."""

    difference: Array
    variance: Array
    lift: Array


def difference(control: ArmValue, arm: ArmValue) -> Difference:
    """How far the arm lies from the control; NaN where one of them has no value."""
    gap = arm.value - control.value
    with np.errstate(divide="ignore", invalid="ignore"):
        lift = gap / control.value
    return Difference(gap, control.variance + arm.variance, lift)


def fixed_horizon(control: ArmValue, arm: ArmValue, alpha: float = 0.05) -> Verdict:
    """Welch's test, for one look at the planned end."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = stats.ttest_ind_from_stats(
            arm.value,
            np.sqrt(arm.variance * arm.units),
            arm.units,
            control.value,
            np.sqrt(control.variance * control.units),
            control.units,
            equal_var=False,
        )
        freedom = _degrees_of_freedom(control, arm)
        critical = stats.t.ppf(1 - alpha / 2, freedom)
    low, high = lift_interval(control, arm, critical)
    return Verdict(np.asarray(found.pvalue), low, high)


def _degrees_of_freedom(control: ArmValue, arm: ArmValue) -> Array:
    """Welch and Satterthwaite's."""
    spread = control.variance**2 / (control.units - 1) + arm.variance**2 / (arm.units - 1)
    freedom: Array = (control.variance + arm.variance) ** 2 / spread
    return freedom


def any_time(control: ArmValue, arm: ArmValue, minimum_effect: float, alpha: float = 0.05) -> Verdict:
    """The test that is valid at every look, however often it is made.

    The likelihood of the difference, averaged over effects drawn from N(0, tau^2), against no effect: a
    martingale, which reaches 1 / alpha with probability alpha at most (Robbins 1970; as an experiment's
    always-valid p-value: Johari, Koomen, Pekelis, Walsh 2022). The variance is estimated, so this holds for
    large samples (Waudby-Smith and others, Time-uniform central limit theory, 2024): with fewer than
    MIN_UNITS units in an arm there is no verdict, which is a p-value of 1 and an interval without bounds.
    ``minimum_effect`` is the lift for whose planned size the interval is tightest.
    """
    gap = difference(control, arm)
    mixing = mixing_variance(control.value, minimum_effect, alpha)
    with np.errstate(divide="ignore", invalid="ignore"):
        total = gap.variance + mixing
        exponent = gap.difference**2 * mixing / (2 * gap.variance * total)
        log_ratio = 0.5 * np.log(gap.variance / total) + exponent
        critical = np.sqrt(total / mixing * (2 * np.log(1 / alpha) + np.log(total / gap.variance)))
    low, high = lift_interval(control, arm, critical)
    early = (np.minimum(control.units, arm.units) < MIN_UNITS) | ~np.isfinite(log_ratio)
    return Verdict(
        p_value=np.where(early, 1.0, np.exp(-np.maximum(log_ratio, 0.0))),
        low=np.where(early, -np.inf, low),
        high=np.where(early, np.inf, high),
    )


def mixing_variance(control_value: Array, minimum_effect: float, alpha: float = 0.05) -> Array:
    """tau^2 that makes the interval tightest when the sample has its planned size (Howard and others 2021).

    Planned is the variance at which a fixed-horizon test finds ``minimum_effect`` with POWER.
    """
    reach = stats.norm.ppf(1 - alpha / 2) + stats.norm.ppf(POWER)
    planned_variance = (minimum_effect * control_value / reach) ** 2
    tightest = -special.lambertw(-(alpha**2) / np.e, -1).real - 1
    variance: Array = planned_variance * tightest
    return variance


def lift_interval(control: ArmValue, arm: ArmValue, critical: Array) -> tuple[Array, Array]:
    """Fieller's interval of arm / control - 1: the r with |arm - (1 + r) control| within ``critical`` errors.

    Without bounds where the control itself is not surely above zero.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        squared = critical * critical
        curvature = control.value**2 - squared * control.variance
        middle = control.value * arm.value
        inner = middle**2 - curvature * (arm.value**2 - squared * arm.variance)
        root = np.sqrt(np.maximum(inner, 0.0))
        low, high = (middle - root) / curvature - 1, (middle + root) / curvature - 1
    bounded = curvature > 0
    return np.where(bounded, low, -np.inf), np.where(bounded, high, np.inf)
