"""Whether to repeat a call, and after how many seconds."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

TOO_MANY, UNAVAILABLE = 429, 503
# A proxy's answers: whether the API carried out the call is unknown.
_UNKNOWN_OUTCOME = (502, 504)


@dataclass(frozen=True)
class Retries:
    """How often to try. Waits double from ``first`` to ``longest`` seconds, less up to half at random."""

    attempts: int = 4
    first: float = 0.2
    longest: float = 10.0

    def wait_after(
        self, attempt: int, is_idempotent: bool, status: int | None, headers: Mapping[str, str]
    ) -> float | None:
        """Seconds until the next attempt; None where there is none. ``status`` is None where no answer came.

        The API sends 429 before it does anything, so every call may be repeated after it; after other
        failures only an idempotent one. Retry-After is obeyed; a call that it delays by more than ``longest``
        seconds is not repeated.
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
    # The API never sends a date, the header's other form.
    return float(text) if text.strip().isdecimal() else None
