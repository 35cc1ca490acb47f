"""Converts Gorse's JSON to our events and catalogue entries, and back.

The names are Gorse's own: https://gorse.io/docs/api/restful-api
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from contracts.catalog import HIDDEN, PUBLISHED_AT, CatalogEntry, CatalogKind
from contracts.events import EVENT_TYPES, RATING, Interaction, before_any_log, from_future
from contracts.moments import moment_of
from serving.http.problems import ProblemError, reason_of

_LABELS = "labels"  # the attribute that holds labels where they are a list
Fields = Mapping[str, Any]


class _Gorse(BaseModel):
    # Versions of Gorse differ in their fields; an unknown field is refused, so that nothing is lost unseen.
    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)


class Feedback(_Gorse):
    """One feedback. ``Value`` counts for ratings only; elsewhere it may be 0 or 1."""

    FeedbackType: str
    UserId: str
    ItemId: str
    Timestamp: str | None = None
    Value: float | None = None
    Comment: str | None = None


class Item(_Gorse):
    """An item; ``Comment`` is its title."""

    ItemId: str
    IsHidden: bool | None = None
    Categories: list[str] | None = None
    Timestamp: str | None = None
    Labels: Any = None
    Comment: str | None = None


class User(_Gorse):
    """A user."""

    UserId: str
    Labels: Any = None
    Subscribe: list[str] | None = None
    Comment: str | None = None


class ItemChanges(_Gorse):
    """What of an item changes; null stays as it is."""

    IsHidden: bool | None = None
    Categories: list[str] | None = None
    Timestamp: str | None = None
    Labels: Any = None
    Comment: str | None = None


class UserChanges(_Gorse):
    """What of a user changes; null stays as it is."""

    Labels: Any = None
    Subscribe: list[str] | None = None
    Comment: str | None = None


class Score(BaseModel):
    """An item with its score, as lists of X-API-Version 2 have it."""

    Id: str
    Score: float


class Success(BaseModel):
    """How many rows a write changed."""

    RowAffected: int


def event_type_of(name: str, known: Mapping[str, str]) -> str:
    """Our event type for a feedback's type. Raises ProblemError 422 that says how to map it."""
    found = known.get(name, name)
    if found not in EVENT_TYPES:
        detail = f"The feedback type {name[:64]!r} is not known: GORSE_FEEDBACK_TYPES maps it to one of ours"
        raise ProblemError(422, detail, errors=[("/FeedbackType", f"one of {', '.join(EVENT_TYPES)}")])
    return found


def event_of(feedback: Feedback, place: int, known: Mapping[str, str]) -> Interaction:
    """A feedback as an event. If it has a time, its id follows from its content: sent twice, it counts once.

    Raises ProblemError 422.
    """
    kind = event_type_of(feedback.FeedbackType, known)
    now = time.time_ns() // 1_000_000
    try:
        moment = moment_of(feedback.Timestamp) if feedback.Timestamp else now
        if before_any_log(moment, None) or from_future(moment, now):
            raise ValueError("Timestamp lies before 1990 or in the future")
        if kind != RATING and feedback.Value not in (None, 0, 1):
            raise ValueError(f"Value counts for {RATING} only; leave it out, or map the type to {RATING}")
        event = Interaction(
            event_type=kind,
            user_id=feedback.UserId,
            item_id=feedback.ItemId,
            value=feedback.Value if kind == RATING else None,
            event_time=moment,
        )
    except ValidationError as error:
        raise _refuse(place, reason_of(error.errors()[0])) from error
    except ValueError as error:
        raise _refuse(place, str(error)) from error
    if not feedback.Timestamp:
        return event
    content = event.model_dump_json(exclude={"event_id"})
    return event.model_copy(update={"event_id": str(uuid.uuid5(uuid.NAMESPACE_OID, content))})


def entry_of(kind: CatalogKind, entry_id: str, known: Fields, told: Fields) -> CatalogEntry:
    """A catalogue entry: the ``known`` fields (by our names), changed by what is ``told`` (by Gorse's names).

    Raises ProblemError 422.
    """
    attributes = dict(known["attributes"])
    if told.get("Labels") is not None:
        kept = {name: text for name, text in attributes.items() if name in (HIDDEN, PUBLISHED_AT)}
        attributes = kept | _attributes_of(told["Labels"])
    if told.get("IsHidden") is not None:
        attributes[HIDDEN] = "true" if told["IsHidden"] else "false"
    if told.get("Timestamp"):
        attributes[PUBLISHED_AT] = str(told["Timestamp"])
    if told.get("Subscribe"):
        raise ProblemError(422, "Subscribe has no counterpart here: leave it out")
    try:
        return CatalogEntry(
            kind=kind,
            id=entry_id,
            title=known["title"] if told.get("Comment") is None else told["Comment"] or None,
            categories=known["categories"] if told.get("Categories") is None else tuple(told["Categories"]),
            attributes=attributes,
            updated_at=time.time_ns() // 1_000_000,
        )
    except ValidationError as error:
        errors = [("/" + "/".join(map(str, each["loc"])), reason_of(each)) for each in error.errors()]
        raise ProblemError(422, "The request is not valid", errors=errors) from error


def item_json(item_id: str, known: Fields) -> dict[str, Any]:
    """An item as Gorse answers it."""
    attributes = known["attributes"]
    return {
        "ItemId": item_id,
        "IsHidden": attributes.get(HIDDEN) == "true",
        "Categories": list(known["categories"]),
        "Timestamp": attributes.get(PUBLISHED_AT, ""),
        "Labels": _labels_of(attributes),
        "Comment": known["title"] or "",
    }


def user_json(user_id: str, known: Fields) -> dict[str, Any]:
    """A user as Gorse answers it."""
    labels = _labels_of(known["attributes"])
    return {"UserId": user_id, "Labels": labels, "Comment": known["title"] or ""}


def feedback_json(kind: str, user_id: str, item_id: str, value: float, time_ms: int) -> dict[str, Any]:
    """A feedback as Gorse answers it."""
    moment = datetime.fromtimestamp(time_ms / 1000, timezone.utc)
    return {
        "FeedbackType": kind,
        "UserId": user_id,
        "ItemId": item_id,
        "Value": value,
        "Timestamp": moment.isoformat().replace("+00:00", "Z"),
        "Comment": "",
    }


def _attributes_of(labels: Any) -> dict[str, str]:
    if not isinstance(labels, dict):
        return {_LABELS: json.dumps(labels)} if labels else {}
    return {
        name: cell if isinstance(cell, str) else json.dumps(cell)
        for name, cell in labels.items()
        if cell != ""
    }


def _labels_of(attributes: Mapping[str, str]) -> Any:
    labels = {name: text for name, text in attributes.items() if name not in (HIDDEN, PUBLISHED_AT)}
    if labels.keys() == {_LABELS}:
        try:
            return json.loads(labels[_LABELS])
        except ValueError:
            return labels
    return labels


def _refuse(place: int, reason: str) -> ProblemError:
    return ProblemError(422, "A feedback is not valid, so none was taken", errors=[(f"/{place}", reason)])
