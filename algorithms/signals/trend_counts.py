"""The events that trends count, by the rule of the state in Redis, and until when each of them counts.

For each user, item and event type the newest event counts, with its weight, until a newer one comes or one
that cancels it (contracts/strengths.py). So it is known what was counted at any past moment, and a trend of
the past is the one that Redis held then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from algorithms.signals.history import UNKNOWN, Histories

Floats = NDArray[np.float64]
Integers = NDArray[np.integer[Any]]

STANDS = np.iinfo(np.int64).max  # in place of a time: the event still counts


@dataclass(frozen=True)
class Counted:
    """Events in any order; every array has one entry for each event."""

    items: Integers
    times_ms: NDArray[np.int64]
    weights: Floats  # a rating's value, or that of its type in EVENT_WEIGHTS
    until_ms: NDArray[np.int64]  # when it ceased to count; STANDS

    def standing(self) -> Counted:
        """The events that still count after all of them."""
        kept = self.until_ms == STANDS
        return Counted(self.items[kept], self.times_ms[kept], self.weights[kept], self.until_ms[kept])


def counted_entries(histories: Histories) -> Counted:
    """All entries of known items with their weights, as if no event had replaced another."""
    known = histories.items != UNKNOWN
    many = int(known.sum())
    return Counted(
        items=histories.items[known],
        times_ms=histories.times_ms[known],
        weights=histories.weights[known],
        until_ms=np.full(many, STANDS),
    )
