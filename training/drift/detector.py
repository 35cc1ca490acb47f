"""Watches one figure of the stream for a change of its level.

ADWIN (Bifet and Gavalda 2007, by river) compares the mean of older and newer values in every split of a
window that it keeps. It takes blocks of events, because events come in bursts by user and are no independent
draws, and each block in units of the deviation between the first blocks, so that one bound fits every figure.
Calibrated by benchmarks/studies/drift_delays.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from river.drift import ADWIN

BLOCK = 48  # events
BASELINE = 40  # blocks by which the deviation is known
DELTA = 0.002
_LEAST_DEVIATION = 1e-3
_NEWEST = 10  # the number of newest blocks whose mean is the new level


class Detector:
    """Takes the values of a figure, event by event, each in [0, 1]."""

    def __init__(self) -> None:
        self._events: list[float] = []
        self._baseline: list[float] = []
        self._newest: deque[float] = deque(maxlen=_NEWEST)
        self._window: ADWIN | None = None
        self._mean = self._deviation = 0.0
        self.before, self.after = 0.0, 0.0  # the level around the newest change

    def takes(self, values: ArrayLike) -> bool:
        """Add values; returns whether they show a change. After a change, a new baseline begins."""
        self._events.extend(np.asarray(values, dtype=np.float64).tolist())
        found = False
        while len(self._events) >= BLOCK:
            block, self._events = self._events[:BLOCK], self._events[BLOCK:]
            found |= self._takes_block(sum(block) / BLOCK)
        return found

    def _takes_block(self, level: float) -> bool:
        if self._window is None:
            self._baseline.append(level)
            if len(self._baseline) == BASELINE:
                self._begin(self._baseline)
            return False
        self._newest.append(level)
        self._window.update((level - self._mean) / self._deviation)  # type: ignore[no-untyped-call]
        if not self._window.drift_detected:
            return False
        self.before, self.after = self._mean, sum(self._newest) / len(self._newest)
        self._window, self._baseline = None, []
        return True

    def _begin(self, levels: Sequence[float]) -> None:
        from river.drift import ADWIN  # takes as long as half of the trainer's other imports

        self._mean = float(np.mean(levels))
        self._deviation = max(float(np.std(levels, ddof=1)), _LEAST_DEVIATION)
        self._window = ADWIN(delta=DELTA, clock=1)  # type: ignore[no-untyped-call]
