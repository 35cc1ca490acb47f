"""A skewed split raises the alarm; a fair one does not, however often it is looked at."""

from __future__ import annotations

import numpy as np

from experiments.statistics.sample_ratio import sample_ratio


def test_a_fair_split_raises_no_alarm_at_any_of_many_looks() -> None:
    rng = np.random.default_rng(5)
    alarms = 0
    for _ in range(50):
        counts = rng.multinomial(40, [0.2, 0.3, 0.5], size=60).cumsum(axis=0)
        alarms += any(sample_ratio(row, [2, 3, 5]).alarm for row in counts.tolist())
    assert alarms == 0


def test_a_skewed_split_raises_the_alarm() -> None:
    assert sample_ratio([5000, 5600], [1, 1]).alarm
    assert not sample_ratio([5000, 5050], [1, 1]).alarm


def test_users_in_an_arm_without_weight_raise_the_alarm_and_no_users_raise_none() -> None:
    assert sample_ratio([100, 1], [1, 0]).alarm
    assert not sample_ratio([100, 0], [1, 0]).alarm
    assert sample_ratio([0, 0], [1, 1]).p_value == 1.0
