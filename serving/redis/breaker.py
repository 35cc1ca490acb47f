"""A circuit breaker: a hung Redis costs a few requests their deadline, not every request."""

from __future__ import annotations

import time
from collections.abc import Callable

FAILURES_TO_OPEN = 3
OPEN_SECONDS = 0.5


class CircuitBreaker:
    """Opens after some failures in a row; then it allows one trial half a second after the last failure."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._next_trial = 0.0

    def allows(self) -> bool:
        """Whether to try now. While open, one caller per half second is the trial."""
        if self._failures < FAILURES_TO_OPEN:
            return True
        now = self._clock()
        if now < self._next_trial:
            return False
        self._next_trial = now + OPEN_SECONDS
        return True

    def record_success(self) -> None:
        """Close the breaker."""
        self._failures = 0

    def record_failure(self) -> None:
        """Count a failure. The next trial is half a second after it, however long this one waited."""
        self._failures += 1
        if self._failures >= FAILURES_TO_OPEN:
            self._next_trial = self._clock() + OPEN_SECONDS
