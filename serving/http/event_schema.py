"""The body of POST /v1/events as an OpenAPI schema, which describes ``contracts.events.Interaction``."""

from __future__ import annotations

from typing import Any

from contracts.events import EVENT_TYPES, MAX_RATING, MIN_RATING, RATING, UUID_PATTERN
from contracts.moments import EARLIEST_PLAUSIBLE_MS
from serving.question.bounds import ID_SCHEMA

_OTHER_TYPES = [name for name in EVENT_TYPES if name != RATING]
_ID = {"description": "Text; a number is read as its text", "anyOf": [ID_SCHEMA, {"type": "number"}]}
_OPTIONAL_ID = {"anyOf": [*_ID["anyOf"], {"type": "null"}]}
_EVENT_TIME = {
    "description": "Epoch milliseconds or ISO 8601, UTC without a zone; now when absent; not in the future, "
    "not before 1990",
    "anyOf": [
        {"type": "integer", "minimum": EARLIEST_PLAUSIBLE_MS},
        {"type": "string", "format": "date-time"},
    ],
}
_COMMON: dict[str, Any] = {
    "event_id": {"type": "string", "pattern": UUID_PATTERN, "description": "Made by the API when absent"},
    "user_id": _ID,
    "item_id": _ID,
    "event_time": _EVENT_TIME,
    "time_from_zero": {"type": ["boolean", "null"], "description": "A time before 1990 is meant"},
    "schema_version": {"const": 1},
    "session_id": _OPTIONAL_ID,
    # Any value: one that no answer has does not refuse its event.
    "recommendation_id": {
        "description": "That of the answer from which the event follows; any other is ignored, and counted"
    },
}


def _event(required: list[str], **properties: object) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"event_type": {}, **_COMMON, **properties},
        "required": ["event_type", "user_id", "item_id", *required],
        "additionalProperties": False,
    }


COMPONENTS: dict[str, Any] = {
    "Rating": _event(
        ["value"],
        event_type={"const": RATING},
        value={"type": "number", "minimum": MIN_RATING, "maximum": MAX_RATING},
    ),
    "OtherEvent": _event(
        [], event_type={"enum": _OTHER_TYPES}, value={"enum": [1, None], "description": "1 or absent"}
    ),
    "Event": {
        "oneOf": [{"$ref": "#/components/schemas/Rating"}, {"$ref": "#/components/schemas/OtherEvent"}],
    },
}


def request_body(max_events: int) -> dict[str, Any]:
    """The schema of the body: one event, or a batch of 1 to ``max_events``."""
    event = {"$ref": "#/components/schemas/Event"}
    batch = {
        "type": "object",
        "properties": {"events": {"type": "array", "items": event, "minItems": 1, "maxItems": max_events}},
        "required": ["events"],
        "additionalProperties": False,
    }
    example = {"event_type": "rating", "user_id": "u1", "item_id": "i1", "value": 4.5}
    return {
        "required": True,
        "content": {"application/json": {"schema": {"anyOf": [event, batch]}, "example": example}},
    }
