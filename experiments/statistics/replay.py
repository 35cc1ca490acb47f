"""What another ranking would have earned, from answers that were given: three estimates from propensities.

Each row is one decision: what was shown, with which probability it was, what it earned, and with which
probability the other ranking would have shown it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from experiments.statistics.ratio import Array, arm_value, ratio_sums

Units = NDArray[np.int64]


class ReplayEstimate(NamedTuple):
    """A value a decision, with its interval."""

    value: float
    low: float
    high: float
    effective_rows: float  # how many rows the weights leave (Kish); few: the interval cannot be trusted


class Logged(NamedTuple):
    """Decisions that were made; arrays of one row each, shape (rows,)."""

    reward: Array
    propensity: Array  # with which the shown item was shown: above zero
    target: Array  # with which the other ranking would have shown it

    def weights(self) -> Array:
        """target / propensity. Raises ValueError where a propensity is not above zero or above one."""
        if not (np.all(self.propensity > 0) and np.all(self.propensity <= 1)):
            raise ValueError("a logged propensity lies in (0, 1]: what was never possible says nothing")
        ratio: Array = self.target / self.propensity
        return ratio


def inverse_propensity(logged: Logged, alpha: float = 0.05, units: Units | None = None) -> ReplayEstimate:
    """IPS: unbiased where every item that the other ranking shows could be shown; its variance is large.

    ``units`` numbers the user of each row: the rows of one user are no independent draws.
    """
    weights = logged.weights()
    return _ratio(weights * logged.reward, np.ones_like(weights), weights, alpha, units)


def self_normalised(logged: Logged, alpha: float = 0.05, units: Units | None = None) -> ReplayEstimate:
    """SNIPS: divides by the sum of the weights (Swaminathan, Joachims 2015): less variance, a small bias."""
    weights = logged.weights()
    return _ratio(weights * logged.reward, weights, weights, alpha, units)


def doubly_robust(
    logged: Logged,
    predicted: Array,
    predicted_target: Array,
    alpha: float = 0.05,
    units: Units | None = None,
) -> ReplayEstimate:
    """DR (Dudik, Langford, Li 2011): right where the propensities or the predictions are.

    ``predicted`` is the expected reward of what was shown, ``predicted_target`` that of the other ranking in
    the same decision, both by a model that has not seen these rewards.
    """
    weights = logged.weights()
    values = predicted_target + weights * (logged.reward - predicted)
    return _ratio(values, np.ones_like(weights), weights, alpha, units)


def _ratio(above: Array, below: Array, weights: Array, alpha: float, units: Units | None) -> ReplayEstimate:
    """sum(above) / sum(below), with the variance between units."""
    if units is not None:
        there = np.unique(units, return_inverse=True)[1]
        above, below = (np.bincount(there, each).astype(np.float64) for each in (above, below))
    found = arm_value(ratio_sums(above, below))
    return _interval(float(found.value), float(found.variance), weights, alpha)


def _interval(value: float, variance: float, weights: Array, alpha: float) -> ReplayEstimate:
    """The normal interval of a value whose rows have these weights."""
    reach = float(stats.norm.ppf(1 - alpha / 2)) * variance**0.5
    squares = float((weights * weights).sum())
    effective = float(weights.sum()) ** 2 / squares if squares else 0.0
    return ReplayEstimate(value, value - reach, value + reach, effective)
