"""Converts Oryx's preferences to our events."""

from __future__ import annotations

import csv
import time
from collections.abc import Iterator

from pydantic import ValidationError

from contracts.events import RATING, RETRACT, EventType, Interaction, before_any_log, from_future
from serving.http.problems import ProblemError, reason_of

_MOST_FIELDS = 4


def event_of_preference(
    user_id: str, item_id: str, strength: str, preference_type: EventType, time_ms: int | None = None
) -> Interaction:
    """The event for one preference. ``strength`` is text; an empty one means 1.

    Raises ProblemError 422 for an event that is not valid, and for a strength that would be lost because only
    ratings keep it.
    """
    now = time.time_ns() // 1_000_000
    try:
        value = float(strength) if strength.strip() else 1.0
        if preference_type != RATING and value != 1.0:
            raise ValueError(
                f"a strength of {value:g} would be lost, since a preference is a {preference_type}: "
                f"ORYX_PREFERENCE_TYPE={RATING} takes strengths of 0.5 to 5, or send 1"
            )
        if time_ms is not None and (before_any_log(time_ms, None) or from_future(time_ms, now)):
            raise ValueError("the time lies before 1990 or in the future: it is in milliseconds since 1970")
        return Interaction(
            event_type=preference_type,
            user_id=user_id,
            item_id=item_id,
            value=value if preference_type == RATING else None,
            event_time=now if time_ms is None else time_ms,
        )
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ProblemError(422, f"{place}: {reason_of(first)}".removeprefix(": ")) from error
    except ValueError as error:
        raise ProblemError(422, str(error)) from error


def events_of_lines(text: str, preference_type: EventType) -> Iterator[Interaction]:
    """The events of lines "user,item,strength,time". An empty strength is a retraction, an absent one is 1.

    Raises ProblemError 422 that names the line.
    """
    for number, fields in enumerate(csv.reader(text.splitlines()), start=1):
        if not fields:
            continue
        try:
            yield _event_of_line(fields, preference_type)
        except (ProblemError, ValueError) as error:
            detail = f"Line {number} is not valid, so none was taken: {error}"
            raise ProblemError(422, detail) from error


def _event_of_line(fields: list[str], preference_type: EventType) -> Interaction:
    if not 2 <= len(fields) <= _MOST_FIELDS:
        raise ValueError("a line is user,item,strength,time, of which the last two may be absent")
    user_id, item_id, *rest = fields
    time_ms = int(rest[1]) if len(rest) > 1 else None
    if rest and not rest[0].strip():
        return event_of_preference(user_id, item_id, "1", RETRACT, time_ms)
    return event_of_preference(user_id, item_id, rest[0] if rest else "1", preference_type, time_ms)
