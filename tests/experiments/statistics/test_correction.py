"""Holm's correction, on his own example's form."""

from __future__ import annotations

import pytest

from experiments.statistics.correction import holm


def test_the_smallest_of_n_is_multiplied_by_n_and_the_order_stays() -> None:
    found = holm({"a": 0.01, "b": 0.04, "c": 0.03})
    assert found == pytest.approx({"a": 0.03, "c": 0.06, "b": 0.06})


def test_nothing_to_correct_is_nothing() -> None:
    assert holm({}) == {}
