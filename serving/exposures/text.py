"""Exposures as text: one line each, from an answer to the sender.

An answer takes a fifth of a millisecond, so a user's list is noted as the JSON that was answered, and the
sender makes the exposure of it. A line of any other list is the exposure itself.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from json.encoder import encode_basestring as quoted

from contracts.exposures import ListKind
from serving.question.candidate import EXPLORED, User

Shown = tuple[str, float, str]  # item, score, source, as in a Candidate
_ANSWER = b"answer "  # what the line of an answer begins with


def line_of(exposure: str) -> bytes:
    """The line of an exposure as JSON. An id that is no valid text must not end the API."""
    return exposure.encode(errors="replace")


def line_of_answer(body: bytes, user: User, session_id: str | None) -> bytes:
    """The line of a user's list as it was answered (list_json.py): its fields, and those that it lacks."""
    read_at = user.fresh_read_at_ms if user.fresh_list else 0
    session = quoted(session_id).encode(errors="replace") if session_id else b"null"
    return b'%b%b,"event_time":%d,"history_read_at":%d,"session_id":%b}' % (
        _ANSWER,
        body[:-1],
        time.time_ns() // 1_000_000,
        read_at,
        session,
    )


def exposure_in(line: bytes) -> bytes:
    """The exposure of a line, as JSON."""
    if not line.startswith(_ANSWER):
        return line
    answer = json.loads(line[len(_ANSWER) :])
    user = User(
        answer["user_id"],
        model_version=answer["model_version"],
        applied_through=answer["applied_through"],
        fresh_list=[("", 0.0)] if answer["history_read_at"] else (),  # only whether there was one counts
        fresh_read_at_ms=answer["history_read_at"],
    )
    page = [(item["item_id"], 0.0, item["source"]) for item in answer["items"]]
    items = shown_items(page, answer["offset"])
    about = answer["arm"], answer["session_id"], answer["event_time"]
    return line_of(shown_json("user", answer["recommendation_id"], user, items, *about))


def shown_items(page: Iterable[Shown], offset: int) -> str:
    """The items of an exposure as JSON, without the list's brackets; an explored item has its propensity."""
    return ",".join(
        [
            f'{{"item_id":{quoted(item_id)},"rank":{rank},"source":"{source}"}}'
            if source != EXPLORED
            else f'{{"item_id":{quoted(item_id)},"rank":{rank},"source":"{source}","propensity":{score}}}'
            for rank, (item_id, score, source) in enumerate(page, offset + 1)
        ]
    )


def shown_json(
    kind: ListKind,
    recommendation_id: str,
    user: User,
    items: str,
    arm: str = "",
    session_id: str | None = None,
    event_time: int | None = None,
) -> str:
    """An Exposure as JSON, put together from text; a test compares it with the model's own JSON.

    ``event_time`` is now where it is None.
    """
    named = f',"user_id":{quoted(user.user_id)}' if user.user_id else ""
    if user.model_version is not None:
        named += f',"model_version":{quoted(user.model_version)}'
    if user.applied_through is not None:
        named += f',"applied_through":{user.applied_through}'
    if user.fresh_list:
        named += f',"history_read_at":{user.fresh_read_at_ms}'
    if session_id:
        named += f',"session_id":{quoted(session_id)}'
    if arm:
        named += f',"arm":{quoted(arm)}'
    at = time.time_ns() // 1_000_000 if event_time is None else event_time
    return (
        f'{{"recommendation_id":"{recommendation_id}","kind":"{kind}"{named},"items":[{items}],'
        f'"event_time":{at}}}'
    )
