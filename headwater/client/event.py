"""An event, as a program sends it."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from typing import Any


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class Event:
    """What a user did with an item. ``event_time`` in epoch milliseconds, now by default.

    Each event gets its id here, so an event that is sent twice counts once.
    """

    event_type: str
    user_id: str | int
    item_id: str | int
    value: float | None = None  # of a rating, 0.5 to 5
    event_time: int = field(default_factory=_now_ms)
    session_id: str | None = None
    recommendation_id: str | None = None
    event_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def as_json(self) -> dict[str, Any]:
        """The event as the API takes it."""
        return {name: value for name, value in vars(self).items() if value is not None}
