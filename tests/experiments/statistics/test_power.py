"""The planned size finds the stated lift with the stated power."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.statistics.comparison import fixed_horizon
from experiments.statistics.power import plan
from experiments.statistics.ratio import arm_value, ratio_sums


def test_a_lift_of_the_stated_size_is_found_with_the_stated_power() -> None:
    needed = plan(value=2.0, deviation=2.0, units=0, per_day=100.0, minimum_effect=0.2).needed_units
    assert needed is not None
    rng = np.random.default_rng(7)
    control, arm = (arm_value(ratio_sums(rng.exponential(2.0, (2000, needed)) + more)) for more in (0.0, 0.4))
    assert (fixed_horizon(control, arm).p_value < 0.05).mean() == pytest.approx(0.8, abs=0.03)


def test_the_remaining_days_follow_from_the_pace() -> None:
    found = plan(value=2.0, deviation=2.0, units=100, per_day=50.0, minimum_effect=0.2)
    assert found.needed_units == 393
    assert found.days_left == pytest.approx(293 / 50)
    assert found.power_now == pytest.approx(0.29, abs=0.01)
    assert plan(2.0, 2.0, 400, 50.0, 0.2).days_left == 0.0
    assert plan(2.0, 2.0, 100, 0.0, 0.2).days_left is None
    assert plan(0.0, 0.0, 100, 50.0, 0.2).needed_units is None
