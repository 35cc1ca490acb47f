"""The time before the experiment explains a share of the variance, and changes no mean."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.statistics.cuped import adjust


def test_the_variance_falls_by_the_part_that_earlier_values_explain_and_the_lift_is_kept() -> None:
    rng = np.random.default_rng(6)
    before = {arm: rng.normal(10, 2, 4000) for arm in "ab"}
    values = {arm: before[arm] + rng.normal(0, 1, 4000) + lift for arm, lift in (("a", 0.0), ("b", 0.2))}
    found = adjust(values, before)
    assert found.reduction == pytest.approx(0.8, abs=0.02)  # 4/5 of the variance comes from before
    assert found.values["a"].var() == pytest.approx(1.0, abs=0.1)
    assert found.values["b"].mean() - found.values["a"].mean() == pytest.approx(0.2, abs=0.06)


def test_without_earlier_values_nothing_changes() -> None:
    values = {"a": np.array([1.0, 2.0]), "b": np.array([3.0])}
    found = adjust(values, {"a": np.zeros(2), "b": np.zeros(1)})
    assert found.values is values
    assert found.reduction == 0.0
