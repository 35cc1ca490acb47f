"""Applies a mapping file to one record in plain Python, for `headwater mapping`, which tries a file out.

The stream applies the same rules as Spark expressions (streaming/records/mapping.py). Both pass the same
tests.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import uuid
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from pydantic import ValidationError

from contracts.events import EVENT_TYPES, RATING, UUID_PATTERN, Interaction, before_any_log
from contracts.identifiers import INEXACT_FROM
from contracts.moments import ms_of
from streaming.records.mapping_file import ANYTHING, TIME_FACTORS, EventFormat, MappingFile, steps

NUMBER = r"-?[0-9]{1,20}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?"
MOMENT = (
    r"([12][0-9]{3}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,9})?"
    r" ?(Z|UTC|[+-](?:0[0-9]|1[0-4]):?[0-5][0-9])?"
)
MOST_MS = 1e15  # beyond the year 9999
MOST_NUMBER = 1e300
UUID_LENGTH = 36
FRAMED = b"\x00"  # the first byte of a record framed for a schema registry; four bytes of id follow
FRAME_BYTES = 5
# Times without a unit: (numbers below this bound, their factor to milliseconds).
BY_SIZE = (
    (1e11, TIME_FACTORS["s"]),
    (1e14, TIME_FACTORS["ms"]),
    (1e17, TIME_FACTORS["us"]),
    (1e20, TIME_FACTORS["ns"]),
)


class Mapped(NamedTuple):
    """The result for a record: an event or a fault. Both are None if no format matches."""

    event: dict[str, Any] | None = None
    fault: str | None = None


class _FaultError(ValueError):
    """The record cannot be read; the message is the reason of its rejection."""


def mapped_record(value: bytes, mapping: MappingFile) -> Mapped:
    """Make our event's fields from a record's bytes."""
    if value[:1] == FRAMED and value[FRAME_BYTES : FRAME_BYTES + 1] == b"{":
        value = value[FRAME_BYTES:]
    try:
        document = json.loads(value.decode("utf-8"), parse_constant=_refuse, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        return Mapped()
    for form in mapping.formats:
        if all(_holds(document, pointer, words) for pointer, words in form.when.items()):
            try:
                return Mapped(_event(document, form))
            except _FaultError as fault:
                return Mapped(fault=str(fault))
    return Mapped()


def what_becomes_of(value: bytes, mapping: MappingFile) -> dict[str, Any] | str:
    """The event from a record in a mapped format or in our own, or the reason for its rejection.

    Times in the future are not checked: that needs the broker's clock, which only the stream knows.
    """
    event, fault = mapped_record(value, mapping)
    if fault is not None:
        return fault
    try:
        read = Interaction.model_validate(event) if event else Interaction.model_validate_json(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}".removeprefix(": ")
    if before_any_log(read.event_time, read.time_from_zero):
        return "event_time lies before 1990"
    return read.model_dump(exclude_none=True, exclude={"schema_version"} if event else None)


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a name stands twice")
    return fields


def _at(document: Any, pointer: str) -> Any:
    """The value at a JSON pointer; None if there is none."""
    for step in steps(pointer):
        if isinstance(step, int) and isinstance(document, list) and step < len(document):
            document = document[step]
        elif isinstance(step, str) and isinstance(document, dict):
            document = document.get(step)
        else:
            return None
    return document


def _holds(document: Any, pointer: str, words: tuple[str, ...]) -> bool:
    found = _at(document, pointer)
    if found is None:
        return False
    if ANYTHING in words:
        return True
    if isinstance(found, bool):
        return str(found).lower() in words
    return isinstance(found, str | int) and str(found) in words


def _event(document: Any, form: EventFormat) -> dict[str, Any]:
    found = {
        name: next((cell for pointer in pointers if (cell := _at(document, pointer)) is not None), None)
        for name, pointers in form.fields.items()
    }
    found = {**form.constants, **{name: cell for name, cell in found.items() if cell is not None}}
    event: dict[str, Any] = {}
    for name in ("user_id", "item_id", "session_id"):
        if name in found:
            event[name] = _identifier(name, found[name])
    if "event_type" in found:
        event["event_type"] = _type(found["event_type"], form)
    if "value" in found and event.get("event_type") == RATING:
        event["value"] = _value(found["value"])
    if "event_time" in found:
        event["event_time"] = _moment(found["event_time"], form.time_unit)
    if "event_id" in found:
        event["event_id"] = event_id_of(_identifier("event_id", found["event_id"]), form.name)
    return event


def _identifier(name: str, cell: Any) -> str:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int) and not isinstance(cell, bool) and -(2**63) <= cell < 2**63:
        return str(cell)
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < INEXACT_FROM:
        return str(int(cell))
    raise _FaultError(f"{name} is no text and no whole number")


def _type(cell: Any, form: EventFormat) -> str:
    word = _identifier("event_type", cell)
    if word in form.types:
        return form.types[word]
    if word in EVENT_TYPES:
        return word
    raise _FaultError(f"event_type is not among the types of the mapping {form.name}: {word[:60]}")


def _number(cell: Any) -> float | None:
    if isinstance(cell, str):
        return float(cell) if re.fullmatch(NUMBER, cell) else None
    if isinstance(cell, bool) or not isinstance(cell, int | float) or abs(cell) > MOST_NUMBER:
        return None
    return float(cell)


def _value(cell: Any) -> float:
    number = _number(cell)
    if number is None:
        raise _FaultError("value is no number")
    return number


def _moment(cell: Any, unit: str) -> int:
    """Epoch milliseconds."""
    if isinstance(cell, str) and (found := re.fullmatch(MOMENT, cell)):
        return _written_ms(*found.groups())
    number = _number(cell)
    if number is not None:
        factor = TIME_FACTORS.get(unit) or next((by for below, by in BY_SIZE if abs(number) < below), None)
        if factor is not None and abs(number * factor) < MOST_MS:
            return math.floor(number * factor + 0.5)
    raise _FaultError("event_time is no moment")


def _written_ms(day: str, clock: str, fraction: str | None, zone: str | None) -> int:
    try:
        moment = datetime.strptime(f"{day} {clock}", "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc)
    except ValueError as error:
        raise _FaultError("event_time is no moment") from error
    if zone and zone[0] in "+-":
        minutes = int(zone[1:3]) * 60 + int(zone[-2:])
        moment -= timedelta(minutes=minutes if zone[0] == "+" else -minutes)
    return ms_of(moment) + int((fraction or ".0")[1:4].ljust(3, "0"))


def event_id_of(text: str, name: str) -> str:
    """Our event id for another system's: the same if it is a UUID, else the MD5 of the format's name and
    it."""
    if re.fullmatch(UUID_PATTERN, text):
        return text.lower()
    return str(uuid.UUID(hashlib.md5(f"{name}:{text}".encode(), usedforsecurity=False).hexdigest()))
