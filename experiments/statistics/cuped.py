"""CUPED: what a unit did before the experiment explains part of what it does in it, and is taken out.

Y' = Y - theta (X - mean(X)) with theta = Cov(Y, X) / Var(X) has the mean of Y and the share 1 - corr^2 of its
variance (Deng, Xu, Kohavi, Walker, WSDM 2013). theta and mean(X) are those of all arms together, because the
assignment cannot change what was before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from experiments.statistics.ratio import Array


class Adjusted(NamedTuple):
    """Values by arm without what the time before explains, and the share of the variance that went."""

    values: Mapping[str, Array]
    reduction: float


def adjust(values: Mapping[str, Array], before: Mapping[str, Array]) -> Adjusted:
    """The values of each arm, shape (units,), adjusted by the covariate of the same units.

    A covariate that does not vary, as before the first day of all users, changes nothing.
    """
    outcome = np.concatenate([each - each.mean() for each in values.values() if len(each)])
    covariate = np.concatenate([before[arm] for arm, each in values.items() if len(each)])
    within = np.concatenate([before[arm] - before[arm].mean() for arm, each in values.items() if len(each)])
    variation = float(within @ within)
    if not variation > 0:
        return Adjusted(values, 0.0)
    theta, middle = float(outcome @ within) / variation, float(covariate.mean())
    left = float(outcome @ outcome)
    explained = theta * theta * variation / left if left else 0.0
    return Adjusted({arm: each - theta * (before[arm] - middle) for arm, each in values.items()}, explained)
