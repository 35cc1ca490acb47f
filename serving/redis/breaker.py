"""A circuit breaker: while Redis hangs, only a few requests wait for it until their deadline."""

from __future__ import annotations

import time
from collections.abc import Callable

FAILURES_TO_OPEN = 3
OPEN_SECONDS = 0.5


class CircuitBreaker:
    """Opens after FAILURES_TO_OPEN failures in a row; then allows a trial OPEN_SECONDS after the last one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._next_trial = 0.0

    def allows(self) -> bool:
        """Whether the caller may ask Redis now. While open, one caller per half second may: the trial."""
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
        """Count a failure. The next trial comes half a second after it, however long the failed one took."""
        self._failures += 1
        if self._failures >= FAILURES_TO_OPEN:
            self._next_trial = self._clock() + OPEN_SECONDS
