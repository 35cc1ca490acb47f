"""Malformed events of every kind that we know; all must be refused, with a reason."""

from __future__ import annotations

import json
import time
from typing import Any

from contracts.topics import MAX_EVENT_BYTES
from tests.faults.producer import START_MS
from tests.streaming.records.test_parse import BASE, BYTES, NOW_MS, REJECTED

_HOUR_MS, _DAY_MS = 3_600_000, 86_400_000
_SHAPES: list[dict[str, Any]] = [
    *(changes for changes, _ in REJECTED),
    {"event_time": START_MS * 1_000_000},  # nanoseconds
    {"event_type": "rating", "value": [4]},
    {"item_id": "i" * (MAX_EVENT_BYTES // 2)},
    {"padding": "x" * (MAX_EVENT_BYTES // 2), "value": 9},
]


def poison() -> list[bytes | None]:
    """The records; None is a tombstone."""
    now_ms = round(time.time() * 1000)  # asked now, because the import of this module may be long ago
    shapes = [*_SHAPES, {"event_time": now_ms + _DAY_MS}]
    return [*(value for value, _ in BYTES), *(_record(shape, now_ms) for shape in shapes)]


def _record(changes: dict[str, Any], now_ms: int) -> bytes:
    moved = dict(changes)
    if isinstance(moved.get("event_time"), int) and moved["event_time"] == NOW_MS + 5 * 60 * 1000 + 1:
        # Times are fixed here. An hour ahead stays too far ahead, however slow a test is.
        moved["event_time"] = now_ms + _HOUR_MS
    event = {**BASE, "event_time": START_MS, **moved}
    return json.dumps({name: value for name, value in event.items() if value is not ...}).encode()
