"""A metric of one arm as a ratio of sums over units, and its variance by the delta method.

Clicks per impression vary within a user and between users, so impressions are no independent trials. The unit
is who was assigned: with numerator N and denominator D of each unit, the metric is R = sum(N) / sum(D), and
Var(R) = Var(N - R D) / (n mean(D)^2) (Deng, Knoblich, Lu: Applying the Delta Method in Metric Analytics, KDD
2018). A mean per unit is the case D = 1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


class RatioSums(NamedTuple):
    """Sums over the units of an arm; each an array of one shape, for one arm or for many at once."""

    units: Array
    numerator: Array
    denominator: Array
    numerator_squared: Array
    denominator_squared: Array
    product: Array


def ratio_sums(numerator: ArrayLike, denominator: ArrayLike | None = None) -> RatioSums:
    """The sums of units (..., units) over the last axis; without a denominator it is 1 for each unit."""
    above = np.asarray(numerator, dtype=np.float64)
    below = np.ones_like(above) if denominator is None else np.asarray(denominator, dtype=np.float64)
    return RatioSums(
        units=np.asarray(np.full(above.shape[:-1], above.shape[-1]), dtype=np.float64),
        numerator=above.sum(axis=-1),
        denominator=below.sum(axis=-1),
        numerator_squared=(above * above).sum(axis=-1),
        denominator_squared=(below * below).sum(axis=-1),
        product=(above * below).sum(axis=-1),
    )


class ArmValue(NamedTuple):
    """A metric of an arm: its value, the variance of that value, the number of units."""

    value: Array
    variance: Array
    units: Array


def arm_value(sums: RatioSums) -> ArmValue:
    """The metric of an arm; NaN without a denominator, and for the variance of fewer than two units."""
    with np.errstate(divide="ignore", invalid="ignore"):
        value = sums.numerator / sums.denominator
        # The residuals N - R D sum to zero, so the sum of their squares is all that their variance needs.
        squares = sums.numerator_squared - 2 * value * sums.product + value * value * sums.denominator_squared
        mean_denominator = sums.denominator / sums.units
        spread = np.maximum(squares, 0.0) / (sums.units - 1)
        variance = spread / (sums.units * mean_denominator * mean_denominator)
    enough = sums.units > 1
    return ArmValue(value, np.where(enough, variance, np.nan), sums.units)


def linearise(numerator: ArrayLike, denominator: ArrayLike | None = None) -> Array:
    """One value a unit: their mean is the ratio, their variance n times that of the ratio. Shape (units,).

    What works on means, as the reduction of variance by a covariate, works on these values.
    """
    above = np.asarray(numerator, dtype=np.float64)
    below = np.ones_like(above) if denominator is None else np.asarray(denominator, dtype=np.float64)
    value = above.sum() / below.sum()
    values: Array = value + (above - value * below) / below.mean()
    return values
