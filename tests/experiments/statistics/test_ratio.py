"""The delta method beside the spread of repeated samples, and beside the classic mean."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.statistics.ratio import arm_value, linearise, ratio_sums


def test_a_ratio_without_a_denominator_is_a_mean_with_the_usual_variance() -> None:
    values = np.random.default_rng(1).poisson(2.0, 500).astype(float)
    found = arm_value(ratio_sums(values))
    assert float(found.value) == pytest.approx(values.mean())
    assert float(found.variance) == pytest.approx(values.var(ddof=1) / 500)


def test_the_variance_equals_that_of_the_ratio_over_repeated_samples() -> None:
    rng = np.random.default_rng(2)
    impressions = 1.0 + rng.poisson(rng.exponential(4.0, (4000, 300)))
    clicks = rng.binomial(impressions.astype(int), rng.beta(1.0, 9.0, (4000, 300))).astype(float)
    found = arm_value(ratio_sums(clicks, impressions))
    assert found.variance.mean() == pytest.approx(found.value.var(), rel=0.06)
    # With impressions as independent trials, the variance would be far too small.
    per_impression = found.value * (1 - found.value) / impressions.sum(axis=-1)
    assert per_impression.mean() < 0.8 * found.value.var()


def test_linearised_values_have_the_mean_and_the_variance_of_the_ratio() -> None:
    rng = np.random.default_rng(3)
    below = 1.0 + rng.poisson(5.0, 400)
    above = rng.binomial(below.astype(int), 0.2).astype(float)
    ratio, mean = arm_value(ratio_sums(above, below)), arm_value(ratio_sums(linearise(above, below)))
    assert float(mean.value) == pytest.approx(float(ratio.value))
    assert float(mean.variance) == pytest.approx(float(ratio.variance))


def test_an_arm_without_units_has_no_value() -> None:
    found = arm_value(ratio_sums([], []))
    assert np.isnan(found.value)
    assert np.isnan(found.variance)
