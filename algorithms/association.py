"""Measures whether two things occur together more often than by chance."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def log_likelihood(together: Floats, expected: Floats) -> NDArray[np.float64]:
    """2 (k ln(k / e) - (k - e)) where k > e, else 0: how surprising each count is, of a Poisson mean e.

    The likelihood ratio of Dunning (1993) against independence. It ranks high neither things that are popular
    with everybody nor pairs that occurred together once by chance.
    """
    surplus = together > np.maximum(expected, 0)
    k, e = np.where(surplus, together, 1.0), np.where(surplus & (expected > 0), expected, 1e-9)
    return np.where(surplus, 2 * (k * np.log(k / e) - (k - e)), 0.0)
