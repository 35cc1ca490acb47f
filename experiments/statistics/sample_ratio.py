"""Whether the arms got the users that their weights promise. If not, no figure of the run can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import special

ALARM = 0.001  # the probability of a false alarm over all looks of a run


class SampleRatio(NamedTuple):
    """The check: its p-value, which may be looked at often, and whether it raises the alarm."""

    p_value: float
    alarm: bool


def sample_ratio(counts: Sequence[int], weights: Sequence[float]) -> SampleRatio:
    """The check of units by arm against the arms' weights; arms without weight must have no units.

    The Bayes factor of any split (Dirichlet, concentrated around the weights) against the promised one is a
    martingale, so its inverse is a p-value that holds at every look (Lindon and Malek, Anytime-Valid
    Inference for Multinomial Count Data, NeurIPS 2022). A chi-squared test would be right at one look only.
    """
    units, shares = np.asarray(counts, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    shares = shares / shares.sum()
    if units[shares == 0].any():
        return SampleRatio(0.0, True)
    units, shares = units[shares > 0], shares[shares > 0]
    total = units.sum()
    if len(units) < 2 or not total:
        return SampleRatio(1.0, False)
    prior = shares * 100 * len(shares)
    log_factor = (
        special.gammaln(prior.sum())
        - special.gammaln(prior.sum() + total)
        + (special.gammaln(prior + units) - special.gammaln(prior)).sum()
        - (units * np.log(shares)).sum()
    )
    p_value = float(np.exp(-max(log_factor, 0.0)))
    return SampleRatio(p_value, p_value < ALARM)
