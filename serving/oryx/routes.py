"""The routes of Oryx 2's serving layer for ALS: lists, estimates, known items and preferences.

Answers are lines of CSV, or JSON where Accept asks for it. A write answers once Kafka has acknowledged it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from contracts.events import RETRACT, Interaction
from contracts.settings import ServingSettings
from contracts.topics import INTERACTIONS
from serving.admission.early_checks import CheckedRoute
from serving.answer.recommender import Recommender
from serving.http.access import access
from serving.http.problems import ProblemError
from serving.lists.estimates import estimates
from serving.lists.popular import popular_answer
from serving.lists.similar_items import similar_items_answer
from serving.lists.user_list import UserList
from serving.memory.process_memory import ProcessMemory
from serving.oryx.preferences import event_of_preference, events_of_lines
from serving.question.bounds import Offset, PathId
from serving.question.list_options import ListOptions
from serving.redis.reads.user import read_history
from serving.routes.events import append_to_log
from serving.writes.event_log import EventLog

_NO_CONTENT, _JSON = 204, "application/json"
Scored = Sequence[tuple[str, float]]


def routes(
    settings: ServingSettings,
    event_log: EventLog,
    user_list: UserList,
    recommender: Recommender,
    memory: ProcessMemory,
) -> tuple[APIRouter, ...]:
    """All routes of Oryx where ORYX_ROUTES is set, else none."""
    if not settings.oryx_routes:
        return ()
    return _lists(settings, user_list, recommender, memory), _preferences(settings, event_log)


def _lists(
    settings: ServingSettings, user_list: UserList, recommender: Recommender, memory: ProcessMemory
) -> APIRouter:
    router = APIRouter(route_class=CheckedRoute, tags=["oryx"], dependencies=access(settings, "read"))
    how_many: int = Query(10, alias="howMany", ge=1, le=settings.max_n)

    @router.get("/recommend/{user_id}")
    async def recommend(
        request: Request,
        user_id: PathId,
        n: int = how_many,
        offset: Offset = 0,
        with_known: bool = Query(False, alias="considerKnownItems"),
    ) -> Response:
        """A user's list, best first."""
        query = {"n": n, "offset": offset, "known": "keep" if with_known else "skip"}
        return _with_values(request, await user_list.scored_items(request, user_id, query))

    @router.get("/similarity/{item_id}")
    async def similarity(
        request: Request, item_id: PathId, n: int = how_many, offset: Offset = 0
    ) -> Response:
        """The neighbours of one item, best first."""
        answer = await similar_items_answer(recommender, memory, item_id, ListOptions(n=n, offset=offset))
        if answer is None:
            raise ProblemError(404, f"Nothing is known of the item {item_id[:64]!r}")
        return _with_values(request, [(item["item_id"], item["score"]) for item in answer.items])

    @router.get("/mostPopularItems")
    async def most_popular(request: Request, n: int = how_many, offset: Offset = 0) -> Response:
        """What most users touched, with how many."""
        answer = await popular_answer(recommender, memory, n, offset, None)
        return _with_values(request, [(item.item_id, item.users) for item in answer.items])

    @router.get("/knownItems/{user_id}")
    async def known_items(request: Request, user_id: PathId) -> Response:
        """The items that a user has touched."""
        found = await read_history(memory.store, user_id)
        return _values(request, list(dict.fromkeys(item_id for item_id, _ in found)))

    @router.get("/estimate/{user_id}/{item_ids:path}")
    async def estimate(request: Request, user_id: PathId, item_ids: str) -> Response:
        """How much items suit a user, in the order asked for; 0 where the model cannot tell."""
        found = await estimates(memory, user_id, [each for each in item_ids.split("/") if each])
        return _values(request, [item.preference or 0.0 for item in found.items])

    return router


def _preferences(settings: ServingSettings, event_log: EventLog) -> APIRouter:
    router = APIRouter(route_class=CheckedRoute, tags=["oryx"], dependencies=access(settings, "write"))
    kind = settings.oryx_preference_type

    async def append(events: Sequence[Interaction]) -> Response:
        if events:
            await append_to_log(event_log, events, INTERACTIONS)
        return Response(status_code=_NO_CONTENT)

    @router.post("/pref/{user_id}/{item_id}", status_code=_NO_CONTENT, response_class=Response)
    async def put_preference(request: Request, user_id: PathId, item_id: PathId) -> Response:
        """A preference; its strength is the body, 1 where that is empty."""
        return await append([event_of_preference(user_id, item_id, await _text_of(request), kind)])

    @router.delete("/pref/{user_id}/{item_id}", status_code=_NO_CONTENT, response_class=Response)
    async def delete_preference(user_id: PathId, item_id: PathId) -> Response:
        """Take back what the user did with the item."""
        return await append([event_of_preference(user_id, item_id, "1", RETRACT)])

    @router.post("/ingest", status_code=_NO_CONTENT, response_class=Response)
    async def ingest(request: Request) -> Response:
        """Preferences, one a line; all, or none where one is not valid."""
        events = list(events_of_lines(await _text_of(request), kind))
        if len(events) > settings.max_events_per_request:
            most = settings.max_events_per_request
            raise ProblemError(422, f"At most {most} lines are taken at once; send the others by themselves")
        return await append(events)

    return router


async def _text_of(request: Request) -> str:
    try:
        return (await request.body()).decode()
    except UnicodeDecodeError as error:
        raise ProblemError(422, "The body is not UTF-8 text") from error


def _with_values(request: Request, pairs: Scored) -> Response:
    if _JSON in request.headers.get("accept", ""):
        return JSONResponse([{"id": item_id, "value": value} for item_id, value in pairs])
    return _csv(pairs)


def _values(request: Request, values: Sequence[str] | Sequence[float]) -> Response:
    if _JSON in request.headers.get("accept", ""):
        return JSONResponse(list(values))
    return _csv([(value,) for value in values])


def _csv(rows: Iterable[Sequence[str | float]]) -> Response:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return PlainTextResponse(text.getvalue(), media_type="text/csv")
