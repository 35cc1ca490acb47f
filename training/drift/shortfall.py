"""Whether a version's live hit rate stays below what the gate expected of it.

The gate measures recall at 10 on interactions that were held out. Live, an event is a hit where the list of
the last training holds its item among the first ten. Both are shares of events, but not of the same users and
moments. So the expectation is the gate's recall times what earlier versions reached live for each point of
their recall.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from training.drift.detector import BLOCK

TOLERATED = 0.25  # a live hit rate this share below the expectation is tolerated
LEAST_EVENTS = 2000  # of earlier versions, before anything is expected
BLOCKS_FIRST = 20  # blocks by which the deviation is known
SLACK, LIMIT = 0.25, 8.0  # of the sum, in deviations of a block
_LEAST_DEVIATION = 1e-3


class LiveCount(NamedTuple):
    """The live events of a version, and how many of them the list of its training held."""

    events: int
    hits: int


def expected_hit_rate(
    version: str, live: Mapping[str, LiveCount], recalls: Mapping[str, float]
) -> float | None:
    """What the gate lets one expect of a version's live hit rate; None where too little is known.

    ``live`` are the counts by version, ``recalls`` what the gate measured of each.
    """
    known = {name: count for name, count in live.items() if name != version and recalls.get(name)}
    events = sum(count.events for count in known.values())
    if events < LEAST_EVENTS or not recalls.get(version):
        return None
    promised = sum(count.events * recalls[name] for name, count in known.items())
    reached = sum(count.hits for count in known.values())
    return min(1.0, recalls[version] * reached / promised)


class Shortfall:
    """The one-sided cumulative sum of Page (1954) over blocks of events, each 1 for a hit or 0.

    A version alarms at most once. Calibrated by benchmarks/studies/drift_delays.py.
    """

    def __init__(self, expected: float) -> None:
        self.expected = expected
        self._events: list[float] = []
        self._levels: list[float] = []
        self._sum = 0.0
        self._alarmed = False

    @property
    def level(self) -> float:
        """The hit rate so far; NaN before the first block."""
        return float(np.mean(self._levels)) if self._levels else float("nan")

    def takes(self, values: ArrayLike) -> bool:
        """Add values; returns whether they show, for the first time, that the version falls short."""
        self._events.extend(np.asarray(values, dtype=np.float64).tolist())
        while len(self._events) >= BLOCK and not self._alarmed:
            block, self._events = self._events[:BLOCK], self._events[BLOCK:]
            self._levels.append(sum(block) / BLOCK)
            if self._falls_short():
                self._alarmed = True
                return True
        return False

    def _falls_short(self) -> bool:
        """Add the newest block to the sum; the first ones, once their deviation is known."""
        if len(self._levels) < BLOCKS_FIRST:
            return False
        first = self._levels[:BLOCKS_FIRST]
        deviation = max(float(np.std(first, ddof=1)), _LEAST_DEVIATION)
        bound = self.expected * (1 - TOLERATED)
        for level in first if len(self._levels) == BLOCKS_FIRST else self._levels[-1:]:
            self._sum = max(0.0, self._sum + (bound - level) / deviation - SLACK)
        return self._sum > LIMIT
