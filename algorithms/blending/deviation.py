"""The unit of a signal's scores: their standard deviation over the whole catalogue for one user."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# A deviation below this share of the scores' size is rounding: the signal scores all items alike.
_FLAT = 1e-6


def deviations(scores: Floats) -> Floats:
    """(users): the standard deviation of each row; infinite for a row that scores all items alike.

    Both sums go along each row alone, so that a user's deviation does not depend on other users.
    """
    if len(scores) == 1:
        row = scores[0]
        return np.array([deviation_of_sums(float(row.sum()), float(row @ row), len(row))])
    items = max(1, scores.shape[1])
    squares = np.fromiter((row @ row for row in scores), np.float64, len(scores)) / items
    means = scores.sum(axis=1) / items
    spread = np.sqrt(np.maximum(squares - means * means, 0.0))
    return np.where(spread > _FLAT * np.sqrt(squares), spread, np.inf)


def deviation_of_sums(total: float, squares: float, items: int) -> float:
    """The standard deviation of scores, from their sum and the sum of their squares over all items."""
    items = max(1, items)
    mean, square = total / items, squares / items
    spread = math.sqrt(max(square - mean * mean, 0.0))
    return spread if spread > _FLAT * math.sqrt(max(square, 0.0)) else math.inf
