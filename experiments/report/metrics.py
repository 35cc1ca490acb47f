"""The metrics of experiments; each is a ratio of two counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from contracts.experiments.definition import MetricName
from experiments.observations.units import Observations

Array = NDArray[np.float64]


class Metric(NamedTuple):
    """The two counts whose ratio is the metric."""

    numerator: str
    denominator: str | None = None  # None: the number of units
    at_least_once: bool = False  # whether a unit counts once, however often it happened


METRICS: Mapping[MetricName, Metric] = {
    "click_through_rate": Metric("clicks", "impressions"),
    "clicks_per_user": Metric("clicks"),
    "conversions_per_user": Metric("conversions"),
    "conversion_rate": Metric("conversions", at_least_once=True),
    "session_length": Metric("interactions", "sessions"),
}


class UnitValues(NamedTuple):
    """Numerator and denominator of each unit, shape (units,)."""

    numerator: Array
    denominator: Array

    def of_units(self, kept: NDArray[np.bool_]) -> UnitValues:
        """The values of the units that ``kept`` marks."""
        return UnitValues(self.numerator[kept], self.denominator[kept])


def unit_values(observations: Observations, name: MetricName, day: int | None = None) -> UnitValues:
    """A metric's two counts for each unit; on one day since its first exposure where ``day`` is given."""
    metric, units = METRICS[name], len(observations.unit_ids)
    above = observations.counts[metric.numerator].by_unit(units, day)
    if metric.at_least_once:
        above = np.minimum(above, 1.0)
    if metric.denominator is None:
        return UnitValues(above, np.ones(units))
    return UnitValues(above, observations.counts[metric.denominator].by_unit(units, day))
