"""Whether two things go together more often than chance would have them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def log_likelihood(together: Floats, expected: Floats) -> NDArray[np.float64]:
    """2 (k ln(k / e) - (k - e)) where k > e, else 0: how surprising each count is, of a Poisson mean e.

    The likelihood ratio of Dunning (1993) against "no more than chance", so that neither what is popular with
    everyone nor what went together once by chance wins.
    """
    surplus = together > np.maximum(expected, 0)
    k, e = np.where(surplus, together, 1.0), np.where(surplus & (expected > 0), expected, 1e-9)
    return np.where(surplus, 2 * (k * np.log(k / e) - (k - e)), 0.0)
