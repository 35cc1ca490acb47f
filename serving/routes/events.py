"""POST /v1/events: takes one event or many, and answers after Kafka has acknowledged them."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from itertools import islice
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field, ValidationError

from contracts.events import Interaction, before_any_log, from_future
from contracts.recommendation_id import RecommendationIds
from contracts.settings import ServingSettings
from contracts.topics import Topic
from serving.admission.early_checks import CheckedRoute
from serving.http.access import access
from serving.http.event_schema import request_body
from serving.http.problems import ProblemError, reason_of
from serving.telemetry.metrics import Metrics
from serving.writes.event_log import Entry, EventLog, EventLogError
from serving.writes.write_token import encode_token

_log = logging.getLogger(__name__)
RETRY_SECONDS = "5"
MAX_REASONS, MAX_LOGGED = 5, 10


class Rejected(BaseModel):
    """An event that was not accepted."""

    index: int = Field(ge=0, description="Its place in the request, from 0")
    reason: str


class Accepted(BaseModel):
    """Events that Kafka acknowledged."""

    accepted: int
    rejected: list[Rejected]
    token: str = Field(description="Where the accepted events lie in the log; opaque")


def routes(
    settings: ServingSettings, event_log: EventLog, metrics: Metrics, ids: RecommendationIds
) -> APIRouter:
    """The one route that writes."""
    router = APIRouter(route_class=CheckedRoute, tags=["events"])
    writers = access(settings, "write")
    body_schema = {"requestBody": request_body(settings.max_events_per_request)}

    @router.post("/v1/events", status_code=202, dependencies=writers, openapi_extra=body_schema)
    async def post_events(request: Request) -> Accepted:
        """Takes ``{...}`` or ``{"events": [...]}``; the answer names bad events, and the others are accepted.

        202 when Kafka has acknowledged every accepted event; 422 when none is acceptable; 503 when Kafka
        does not acknowledge (then send them again, with the same ``event_id``, so that none counts twice).
        """
        items = await read_events(request, settings.max_events_per_request)
        accepted, rejected = parse_events(items, time.time_ns() // 1_000_000)
        metrics.events.labels("rejected").inc(len(rejected))
        if not accepted:
            raise _nothing_accepted(rejected)
        try:
            offsets = await event_log.append(accepted)
        except EventLogError as error:
            metrics.events.labels("failed").inc(len(accepted))
            named = [event.event_id for event in accepted[:MAX_LOGGED]]
            _log.warning("%d events not acknowledged: %s", len(accepted), error, extra={"event_ids": named})
            raise not_acknowledged(error) from error
        metrics.events.labels("accepted").inc(len(accepted))
        for event in accepted:
            if event.recommendation_id is not None:
                metrics.recommendation_ids.labels(outcome_of(event, ids)).inc()
        return Accepted(accepted=len(accepted), rejected=rejected, token=encode_token(offsets))

    return router


def outcome_of(event: Interaction, ids: RecommendationIds) -> str:
    """Whether an event names a recommendation id that was issued to its user, as a label for the metrics.

    The id of an answer for no user (a session's, the popular list) is accepted from everybody.
    """
    named = ids.read(event.recommendation_id or "")
    return "genuine" if named and (named.is_of(event.user_id) or named.is_of("")) else "forged"


async def append_to_log(event_log: EventLog, entries: Sequence[Entry], topic: Topic) -> dict[int, int]:
    """Append as `EventLog.append` does. Raises ProblemError 503 where Kafka does not acknowledge in time."""
    try:
        return await event_log.append(entries, topic)
    except EventLogError as error:
        raise not_acknowledged(error) from error


def not_acknowledged(error: EventLogError) -> ProblemError:
    """The answer to a write that Kafka did not take in time."""
    detail = f"The events were not acknowledged: {error}. Send them again"
    return ProblemError(503, detail, headers={"Retry-After": RETRY_SECONDS})


async def read_events(request: Request, at_most: int) -> list[Any]:
    """The events of a body, unchecked. Raises ProblemError for a body of another form."""
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise ProblemError(415, "Send JSON, with the header Content-Type: application/json")
    raw = await request.body()
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, json.JSONDecodeError) else "not readable as JSON"
        raise ProblemError(422, "The body is not JSON", errors=[("", reason)]) from error
    if not isinstance(body, dict):
        raise ProblemError(422, 'Send one event object or {"events": [...]}', errors=[("", "not an object")])
    if "events" not in body:
        return [body]
    events = body["events"]
    if not isinstance(events, list) or len(body) > 1:
        raise ProblemError(
            422, '"events" must be a list, and alone', errors=[("/events", "not a list alone")]
        )
    if not 1 <= len(events) <= at_most:
        reason = f"{len(events)} events where 1 to {at_most} are taken"
        raise ProblemError(422, "Too many or too few events", errors=[("/events", reason)])
    return events


_BEFORE_ANY_LOG = (
    "event_time: lies before 1990; send milliseconds since 1970 (not seconds) or ISO 8601, or time_from_zero "
    "if that is meant"
)


def parse_events(items: list[Any], now_ms: int) -> tuple[list[Interaction], list[Rejected]]:
    """The valid events, and for each other one its place and the reason."""
    accepted: list[Interaction] = []
    rejected: list[Rejected] = []
    for index, item in enumerate(items):
        try:
            event = Interaction.model_validate(item)
        except ValidationError as error:
            reasons = (f"{_place(each['loc'])}{reason_of(each)}" for each in error.errors(include_url=False))
            rejected.append(Rejected(index=index, reason="; ".join(islice(reasons, MAX_REASONS))))
            continue
        if before_any_log(event.event_time, event.time_from_zero):
            rejected.append(Rejected(index=index, reason=_BEFORE_ANY_LOG))
        elif from_future(event.event_time, now_ms):
            rejected.append(
                Rejected(index=index, reason="event_time: lies more than 5 minutes in the future")
            )
        else:
            accepted.append(event)
    return accepted, rejected


def _place(loc: tuple[int | str, ...]) -> str:
    # A field's name may be the client's own text (an unknown field), so it is cut and escaped.
    return f"{ascii(str(loc[0])[:64])[1:-1]}: " if loc else ""


def _nothing_accepted(rejected: list[Rejected]) -> ProblemError:
    return ProblemError(
        422,
        "No event is acceptable",
        errors=[(f"/events/{each.index}", each.reason) for each in rejected],
        accepted=0,
        rejected=[each.model_dump() for each in rejected],
    )
