"""An effect that wears off is found, a steady one is not."""

from __future__ import annotations

from experiments.statistics.novelty import novelty

NOISE = [0.004, -0.006, 0.003, 0.005, -0.004, -0.002, 0.001]


def test_an_effect_that_wears_off_has_a_falling_trend() -> None:
    found = novelty([0.30 - 0.04 * day + noise for day, noise in enumerate(NOISE)], [1e-4] * 7)
    assert found.is_found
    assert found.slope is not None
    assert -0.05 < found.slope < -0.03


def test_a_steady_effect_has_no_trend_and_days_without_figures_are_left_out() -> None:
    lifts = [0.1 + noise for noise in NOISE] + [float("nan")]
    assert not novelty(lifts, [1e-4] * 8).is_found


def test_two_days_give_no_trend() -> None:
    assert novelty([0.3, 0.1], [1e-4, 1e-4]).slope is None
