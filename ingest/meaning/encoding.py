"""Encodes an event's key and JSON by the contract's rules, without building the contract's objects.

One pydantic object for each event costs ten times as much. A parity test compares both.
Rows of files are encoded by DuckDB (``ingest/meaning/conversion.py``), to the same bytes.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from contracts.events import EVENT_TYPES, Identifier, checked_value

_IDENTIFIER: TypeAdapter[str] = TypeAdapter(Identifier)
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_REMEMBERED = 100_000  # ids whose check and JSON form are remembered


class EncodedEvent(NamedTuple):
    """An event ready to send. Sorts by time, then by its place in the source."""

    time_ms: int
    ordinal: int
    key: bytes
    value: bytes


class _Id(NamedTuple):
    json: str
    raw: bytes


def reason_of(error: ValidationError) -> str:
    """The first fault that pydantic found, as a plain phrase."""
    return error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")


@lru_cache(maxsize=_REMEMBERED)
def _identifier(name: str, text: str) -> _Id:
    try:
        checked = _IDENTIFIER.validate_python(text)
    except ValidationError as error:
        raise ValueError(f"{name} {text!r:.60}: {reason_of(error)}") from None
    return _Id(json.dumps(checked, ensure_ascii=False), checked.encode())


@lru_cache(maxsize=_REMEMBERED)
def _number(name: str, text: str) -> float:
    # float() alone would take "nan", "1_0" and digits of other scripts.
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{name} {text!r:.60} is not a number")
    return float(text)


class EventEncoder:
    """Encodes the events of one run; ``event_type`` is the type of events that name none."""

    def __init__(self, event_type: str = "rating") -> None:
        self._event_type = event_type
        self._value = lru_cache(maxsize=_REMEMBERED)(self._checked_value)

    def encode(
        self, ordinal: int, user: str, item: str, value: str, time_ms: int, event_type: str = ""
    ) -> EncodedEvent:
        """One event. Raises ValueError with a reason a person can act on.

        The event id is a digest of the content, so that an event sent twice counts once.
        """
        kind = event_type or self._event_type
        user_json, user_raw = _identifier("user", user)
        item_json = _identifier("item", item).json
        value_json = self._value(kind, value)
        body = (
            f'"event_type":"{kind}","user_id":{user_json},"item_id":{item_json},'
            f'"value":{value_json},"event_time":{time_ms},"schema_version":1}}'
        )
        # The body names every field, so different events never give the same bytes.
        h = blake2b(body.encode(), digest_size=16).hexdigest()
        event_id = f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"
        return EncodedEvent(time_ms, ordinal, user_raw, f'{{"event_id":"{event_id}",{body}'.encode())

    def _checked_value(self, kind: str, text: str) -> str:
        if kind not in EVENT_TYPES:
            raise ValueError(f"type {kind!r:.60} is not one of {', '.join(EVENT_TYPES)}")
        value = _number("value", text) if text else None
        return repr(checked_value(kind, value))
