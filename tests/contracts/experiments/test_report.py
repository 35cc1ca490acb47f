from __future__ import annotations

import math

from contracts.experiments.report import Interval


def test_an_interval_without_a_finite_bound_is_read_back_as_one_without_that_bound() -> None:
    interval = Interval(p_value=0.5, low=-math.inf, high=0.25, corrected_p_value=1.0)
    read = Interval.model_validate_json(interval.model_dump_json())
    assert (read.p_value, read.low, read.high) == (0.5, None, 0.25)
