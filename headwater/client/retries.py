"""Whether a call is made again, and after how long."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

TOO_MANY, UNAVAILABLE = 429, 503
# A proxy's answers: the API may have done what it was asked.
_UNKNOWN_OUTCOME = (502, 504)


@dataclass(frozen=True)
class Retries:
    """How often and how patiently: waits double from ``first`` to ``longest`` seconds, less a random part."""

    attempts: int = 4
    first: float = 0.2
    longest: float = 10.0

    def wait_after(
        self, attempt: int, is_idempotent: bool, status: int | None, headers: Mapping[str, str]
    ) -> float | None:
        """Seconds until the next attempt; None where there is none. ``status`` is None where no answer came.

        429 was refused before anything was done, so every call is made again. All others only where a second
        time changes nothing. Retry-After is obeyed; where it asks for more than ``longest``, nothing is
        repeated.
        """
        if attempt >= self.attempts:
            return None
        may_repeat = status == TOO_MANY or (
            is_idempotent and status in (None, UNAVAILABLE, *_UNKNOWN_OUTCOME)
        )
        if not may_repeat:
            return None
        asked = _seconds(headers.get("retry-after", ""))
        if asked is not None:
            return asked if asked <= self.longest else None
        usual = min(self.longest, self.first * 2.0 ** (attempt - 1))
        return float(usual * random.uniform(0.5, 1.0))


def _seconds(text: str) -> float | None:
    # A date, the header's other form, is sent by no version of the API.
    return float(text) if text.strip().isdecimal() else None
