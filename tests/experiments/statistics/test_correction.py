"""Holm's correction, beside that of statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from experiments.statistics.correction import holm


def test_the_smallest_of_n_values_is_multiplied_by_n_and_the_order_is_kept() -> None:
    found = holm({"a": 0.01, "b": 0.04, "c": 0.03})
    assert found == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06})
    assert list(found) == ["a", "b", "c"]


def test_the_correction_equals_that_of_statsmodels() -> None:
    values = np.random.default_rng(8).beta(0.3, 2.0, 40)
    found = holm(dict(enumerate(values.tolist())))
    assert list(found.values()) == pytest.approx(multipletests(values, method="holm")[1].tolist())


def test_no_values_give_no_values() -> None:
    assert holm({}) == {}
