"""The tests and their intervals: checked by simulation, and against each other."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from benchmarks.studies.clicking_users import looks_of_an_arm
from experiments.statistics.comparison import any_time, difference, fixed_horizon
from experiments.statistics.ratio import ArmValue, arm_value, ratio_sums

ALPHA = 0.05


def constant(value: float, variance: float, units: float) -> ArmValue:
    return ArmValue(np.asarray(value), np.asarray(variance), np.asarray(units))


def test_frequent_looks_mislead_the_fixed_test_but_not_the_sequential_one() -> None:
    rng = np.random.default_rng(11)
    control, arm = (looks_of_an_arm(rng, runs=400, looks=200, users_a_look=8) for _ in range(2))
    peeked = (fixed_horizon(control, arm).p_value[:, 15:] < ALPHA).any(axis=1).mean()
    valid = any_time(control, arm, minimum_effect=0.1)
    assert peeked > 0.15
    assert (valid.p_value < ALPHA).any(axis=1).mean() <= ALPHA
    assert ((valid.low > 0) | (valid.high < 0)).any(axis=1).mean() <= ALPHA


def test_the_sequential_interval_covers_a_planted_lift_at_all_looks_together() -> None:
    rng = np.random.default_rng(12)
    control = looks_of_an_arm(rng, runs=300, looks=150, users_a_look=10)
    arm = looks_of_an_arm(rng, runs=300, looks=150, users_a_look=10, lift=0.3)
    valid = any_time(control, arm, minimum_effect=0.3)
    missed = (valid.low > 0.3) | (valid.high < 0.3)
    assert missed.any(axis=1).mean() <= ALPHA


def test_the_fixed_test_equals_welchs_test() -> None:
    rng = np.random.default_rng(13)
    one, two = rng.gamma(2.0, 1.0, 300), rng.gamma(2.1, 1.2, 200)
    found = fixed_horizon(arm_value(ratio_sums(one)), arm_value(ratio_sums(two)))
    assert float(found.p_value) == pytest.approx(stats.ttest_ind(two, one, equal_var=False).pvalue)


@pytest.mark.parametrize("test", ["fixed", "any time"])
def test_an_interval_excludes_zero_exactly_where_its_test_rejects(test: str) -> None:
    rng = np.random.default_rng(14)
    control, arm = (looks_of_an_arm(rng, 200, 40, 10, lift) for lift in (0.0, 0.2))
    found = fixed_horizon(control, arm) if test == "fixed" else any_time(control, arm, 0.2)
    # Where the control is not surely above zero, the interval has no bounds.
    bounded = np.isfinite(found.low)
    rejects = (found.p_value < ALPHA)[bounded]
    assert 0 < rejects.mean() < 1
    assert ((found.low > 0) | (found.high < 0))[bounded].tolist() == rejects.tolist()


def test_an_arm_that_earns_nothing_has_a_lift_of_minus_one_and_a_verdict() -> None:
    control, arm = constant(0.1, 1e-6, 5000.0), constant(0.0, 0.0, 5000.0)
    assert float(difference(control, arm).lift) == -1.0
    found = any_time(control, arm, 0.05)
    assert float(found.p_value) < 1e-6
    assert float(found.high) < -0.99


def test_few_units_and_a_control_without_value_give_no_verdict() -> None:
    few = any_time(constant(0.1, 1e-9, 99.0), constant(0.5, 1e-9, 99.0), 0.05)
    assert (float(few.p_value), float(few.low), float(few.high)) == (1.0, -np.inf, np.inf)
    none = any_time(constant(0.0, 0.0, 500.0), constant(0.0, 0.0, 500.0), 0.05)
    assert (float(none.p_value), float(none.low)) == (1.0, -np.inf)
