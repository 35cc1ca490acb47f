"""Decides whether an earlier model's list is still as good as a new list, by the new model's scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Indexes = NDArray[np.int32]


def still_good(
    old: Indexes,
    new_scores: Floats,
    user_factors: Floats,
    item_factors: Floats,
    known_indptr: NDArray[np.int64],
    known: Indexes,
    tolerance: float,
) -> NDArray[np.bool_]:
    """Whether the old list of each user (users, n; -1 behind) may stay.

    It may where it is as long as the new one, whose scores (users, n; -inf behind) are given, holds no item
    that is known by now (CSR) or has no factors any more, and where at every place the sum of the new scores
    of its items down to there is at most the share ``tolerance`` below the new list's.
    """
    there, rows = old >= 0, np.arange(len(old))[:, None]
    items = np.where(there, old, 0)
    present = np.abs(item_factors).max(axis=1, initial=0) > 0
    scores = np.einsum("uk,unk->un", user_factors, item_factors[items])
    best = np.cumsum(np.where(np.isneginf(new_scores), 0, new_scores), axis=1, dtype=np.float64)
    kept_sums = np.cumsum(np.where(there, scores, 0), axis=1, dtype=np.float64)
    owners = np.repeat(np.arange(len(old)), np.diff(known_indptr))
    size = len(item_factors)
    is_known = np.isin(rows * size + items, owners * size + known) & there
    same_length = (there == ~np.isneginf(new_scores)).all(axis=1)
    sound = ~is_known.any(axis=1) & present[items].all(axis=1, where=there)
    within = (best - kept_sums <= tolerance * np.abs(best)).all(axis=1)
    kept: NDArray[np.bool_] = same_length & sound & within & there.any(axis=1)
    return kept
