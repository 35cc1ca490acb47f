"""Weights of old interactions, which halve with a number of newer interactions and with time.

Both ages are measured from the row's own newest interaction, never from the clock, so that a row's factors
change only when it has a new interaction, and can be computed again at any time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

DAY_MS = 86_400_000


def recency_weights(
    indptr: NDArray[np.integer[Any]],
    times_ms: NDArray[np.integer[Any]],
    *,
    half_life_items: float = 0.0,
    half_life_days: float = 0.0,
) -> NDArray[np.float64]:
    """Weights in [0, 1] for ``fold_in(confidence_weights=...)``, one for each interaction of the CSR rows.

    w = 2 ** -(newer / half_life_items) * 2 ** -(days / half_life_days), where ``newer`` is how many
    interactions of the row are strictly newer (those of one moment weigh the same, in whatever order they
    stand) and ``days`` how much older it is than the row's newest. A half-life of 0 is off; with both off
    every weight is 1.
    Raises ValueError for a half-life below zero or arrays that do not fit.
    """
    if min(half_life_items, half_life_days) < 0:
        raise ValueError("a half-life must be above zero, or 0 for off")
    if len(times_ms) != indptr[-1]:
        raise ValueError("times need one entry for each interaction that indptr counts")
    halvings = np.zeros(len(times_ms))
    if len(times_ms) == 0:
        return np.ones(0)
    rows = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    # Each row newest first; row u keeps its places indptr[u] to indptr[u + 1].
    order = np.lexsort((-np.asarray(times_ms, np.int64), rows))
    newest_first, starts = np.asarray(times_ms, np.int64)[order], np.asarray(indptr, np.int64)[rows]
    if half_life_items:
        place = np.arange(len(order))
        is_first = place == starts
        is_first[1:] |= newest_first[1:] != newest_first[:-1]
        first_of_moment = np.maximum.accumulate(np.where(is_first, place, 0))
        halvings += (first_of_moment - starts) / half_life_items
    if half_life_days:
        halvings += (newest_first[starts] - newest_first) / (DAY_MS * half_life_days)
    weights = np.empty(len(order))
    weights[order] = 2.0**-halvings
    return weights
