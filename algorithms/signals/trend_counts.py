"""What trends count, by the rule of the state in Redis: from when until when each event counted.

Of one user, item and event type the newest event counts, with its weight. When a newer one comes, or one that
takes it back, it no longer does (contracts/strengths.py). So what was counted at any moment is known, and a
trend of the past is the one that Redis held then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from algorithms.signals.history import UNKNOWN, Histories

Floats = NDArray[np.float64]
Integers = NDArray[np.integer[Any]]

STANDS = np.iinfo(np.int64).max  # of an event that has not been replaced


@dataclass(frozen=True)
class Counted:
    """Events in any order; every array has one entry an event."""

    items: Integers
    times_ms: NDArray[np.int64]
    weights: Floats  # a rating's value, or that of its type in EVENT_WEIGHTS
    until_ms: NDArray[np.int64]  # when it ceased to count; STANDS

    def standing(self) -> Counted:
        """What counts after all of these events."""
        kept = self.until_ms == STANDS
        return Counted(self.items[kept], self.times_ms[kept], self.weights[kept], self.until_ms[kept])


def counted_entries(histories: Histories) -> Counted:
    """Each entry of known items, by its weight, as if nothing had been replaced."""
    known = histories.items != UNKNOWN
    many = int(known.sum())
    return Counted(
        items=histories.items[known],
        times_ms=histories.times_ms[known],
        weights=histories.weights[known],
        until_ms=np.full(many, STANDS),
    )
