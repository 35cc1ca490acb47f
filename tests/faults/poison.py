"""Every malformed shape of an event that has been thought of: all must be refused, with a reason."""

from __future__ import annotations

import json
import time
from typing import Any

from contracts.topics import MAX_EVENT_BYTES
from tests.faults.producer import START_MS
from tests.streaming.records.test_parse import BASE, BYTES, NOW_MS, REJECTED

_NOW_MS = round(time.time() * 1000)
_SHAPES: list[dict[str, Any]] = [
    *(changes for changes, _ in REJECTED),
    {"event_time": _NOW_MS + 86_400_000},
    {"event_time": START_MS * 1_000_000},  # nanoseconds
    {"event_type": "rating", "value": [4]},
    {"item_id": "i" * (MAX_EVENT_BYTES // 2)},
    {"padding": "x" * (MAX_EVENT_BYTES // 2), "value": 9},
]


def poison() -> list[bytes | None]:
    """The records; None is a tombstone."""
    return [*(value for value, _ in BYTES), *(_record(shape) for shape in _SHAPES)]


def _record(changes: dict[str, Any]) -> bytes:
    moved = dict(changes)
    if isinstance(moved.get("event_time"), int) and moved["event_time"] == NOW_MS + 5 * 60 * 1000 + 1:
        moved["event_time"] = _NOW_MS + 10 * 60 * 1000  # the corpus has a clock of its own
    event = {**BASE, "event_time": START_MS, **moved}
    return json.dumps({name: value for name, value in event.items() if value is not ...}).encode()
