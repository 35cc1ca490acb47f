"""How much a pair of items counts by its follower: less if its user did not like it, less if it is long ago.

A pair weighs u (f + (1 - f) 2^(-age / half-life)). u is 1 for a follower that was liked, and less for others:
what disappointed is a worse advice than what was liked. The share f never fades, because where nothing newer
is known, an old pair is better than none. Weights are rounded to few steps, so that equal ones can be counted
as whole numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from algorithms.signals.history import POSITIVE_GRADE, Histories

_STEPS = 8  # weights from 1 to the share that never fades
_DAY_MS = 86_400_000


class Levels(NamedTuple):
    """The level of each entry of some histories, and the weight of each level."""

    of_entries: NDArray[np.uint8]  # (entries)
    weights: NDArray[np.float64]  # (levels)


@dataclass(frozen=True)
class FollowerWeights:
    """Without arguments, all followers count the same."""

    unliked: float = 1.0  # u of a follower whose grade is below that of a like
    half_life_days: float = 0.0  # 0: pairs do not fade
    lasting: float = 1.0  # f, the share that never fades

    def __post_init__(self) -> None:
        if not (0 <= self.unliked <= 1 and 0 <= self.lasting <= 1 and self.half_life_days >= 0):
            raise ValueError("weights of followers are shares of 0-1 with a half-life of at least 0 days")

    def levels(self, histories: Histories, until_ms: int) -> Levels:
        """The levels of all entries as followers; those from ``until_ms`` (epoch ms) on have not faded."""
        of_entries, weights = np.zeros(len(histories.items), np.uint8), np.ones(1)
        if self.half_life_days and self.lasting < 1:
            days = np.maximum(until_ms - histories.times_ms, 0) / _DAY_MS
            faded = 1 - 2.0 ** (-days / self.half_life_days)
            of_entries = np.rint(faded * (_STEPS - 1)).astype(np.uint8)
            weights = 1 - (1 - self.lasting) * np.arange(_STEPS) / (_STEPS - 1)
        if self.unliked < 1:
            is_unliked = histories.grades < POSITIVE_GRADE
            of_entries = of_entries + np.uint8(len(weights)) * is_unliked.astype(np.uint8)
            weights = np.concatenate([weights, self.unliked * weights])
        return Levels(of_entries, weights)


def equal_levels(histories: Histories) -> Levels:
    """All followers count the same."""
    return FollowerWeights().levels(histories, 0)
