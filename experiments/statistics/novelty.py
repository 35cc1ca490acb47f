"""Whether an effect wears off: by the days since a unit first saw the experiment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from statsmodels.regression.linear_model import WLS
from statsmodels.tools.tools import add_constant

ALPHA = 0.05
MIN_DAYS = 3


class Novelty(NamedTuple):
    """The trend of the lift: its slope a day, with the p-value of no trend. None with too few days."""

    slope: float | None
    p_value: float | None

    @property
    def is_found(self) -> bool:
        """Whether the effect changes with the days, so that its mean says little of the time to come."""
        return self.p_value is not None and self.p_value < ALPHA


def novelty(lifts: Sequence[float], variances: Sequence[float]) -> Novelty:
    """The trend over the days since the first exposure, each day weighted by the inverse of its variance.

    Days without a lift are left out.
    """
    lift, variance = np.asarray(lifts, dtype=np.float64), np.asarray(variances, dtype=np.float64)
    known = np.isfinite(lift) & np.isfinite(variance) & (variance > 0)
    if known.sum() < MIN_DAYS:
        return Novelty(None, None)
    days = np.flatnonzero(known).astype(np.float64)
    fit = WLS(lift[known], add_constant(days), weights=1 / variance[known])
    # The variances are known, not to be estimated from a handful of days.
    result = fit.fit(cov_type="fixed scale")
    return Novelty(float(result.params[1]), float(result.pvalues[1]))
