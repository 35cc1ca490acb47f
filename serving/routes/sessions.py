"""Lists for anonymous sessions, and for several users together."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from algorithms.signals.history import grade_entries
from contracts.events import MAX_RATING, MIN_RATING, PURCHASE, RATING, WeightedType
from contracts.settings import ServingSettings
from contracts.stored.records import HistoryEntry
from contracts.strengths import strength
from serving.admission.early_checks import CheckedRoute
from serving.answer.recommendations import Recommendations
from serving.answer.recommended_item import first_source
from serving.answer.recommender import POOL, Recommender
from serving.exposures.answer_ids import sign_list, sign_rank
from serving.exposures.log import ExposureLog
from serving.http.access import access
from serving.http.query import QueryReader, with_bounded_n
from serving.http.rendering import json_response
from serving.lists.group import GroupRecommendations, group_answer
from serving.lists.list_query import ListQuery
from serving.lists.rank import GivenItems, RankedItems, RankQuery, rank_for_session
from serving.lists.ranking_history import Interacted
from serving.lists.sessions import session_user
from serving.memory.experiments import ExperimentsInForce
from serving.memory.process_memory import ProcessMemory
from serving.question.bounds import JsonId
from serving.telemetry.metrics import Metrics

MAX_ITEMS, MAX_GROUP = 1000, 50


class SessionItem(BaseModel):
    """Something done in the session. A ``rating`` counts instead of the event type."""

    model_config = ConfigDict(extra="forbid")

    item_id: JsonId
    event_type: WeightedType = "like"
    rating: Annotated[float, Field(ge=MIN_RATING, le=MAX_RATING)] | None = Field(
        None, description="When given, it counts instead of the event type"
    )


class Group(BaseModel):
    """Several users."""

    model_config = ConfigDict(extra="forbid")

    user_ids: Annotated[list[JsonId], Field(min_length=1, max_length=MAX_GROUP)]


class Session(BaseModel):
    """All that is known of an anonymous visitor. The newest item comes last, and counts most."""

    model_config = ConfigDict(extra="forbid")

    items: Annotated[list[SessionItem], Field(min_length=1, max_length=MAX_ITEMS)]
    exclude: Annotated[list[JsonId], Field(max_length=MAX_ITEMS)] = Field(
        default_factory=list, description="Items to leave out"
    )


class SessionRank(GivenItems):
    """Items to order, and all that is known of an anonymous visitor."""

    session: Annotated[list[SessionItem], Field(min_length=1, max_length=MAX_ITEMS)] = Field(
        description="The newest item comes last, and counts most"
    )


def routes(
    settings: ServingSettings,
    recommender: Recommender,
    memory: ProcessMemory,
    metrics: Metrics,
    experiments: ExperimentsInForce,
    exposures: ExposureLog,
) -> APIRouter:
    """The routes of sessions."""
    router = APIRouter(route_class=CheckedRoute, tags=["sessions"], dependencies=access(settings, "read"))
    read_query = QueryReader(with_bounded_n(ListQuery, settings))
    read_rank_query = QueryReader(RankQuery)

    @router.post("/v1/recommendations", response_model=Recommendations, openapi_extra=read_query.openapi)
    async def session_recommendations(request: Request, session: Session) -> Response:
        """Items for an anonymous session, ranked by the model at once; nothing is stored.

        ``user_id`` of the answer is empty; of an item that comes twice, the last occurrence counts.
        """
        query = read_query(request)
        treatment = await experiments.treatment(None, query.session_id)
        options = treatment.of_options(query.options, query.model_fields_set)
        depth = max(POOL, 2 * (options.offset + options.n)) + len(session.exclude)
        user = await session_user(memory, session_interactions(session.items, settings), depth)
        answer = await recommender.answer(user, options.excluding(session.exclude))
        metrics.count_answer(first_source(answer.items), answer.stale)
        sign_list(exposures, "session", answer, query, options)
        return json_response(request, answer, query.fields)

    @router.post("/v1/rank", openapi_extra=read_rank_query.openapi)
    async def session_rank(request: Request, given: SessionRank) -> RankedItems:
        """Items that the caller gives, as search hits, ordered for an anonymous session; nothing is stored.

        Items that the model does not know keep their places.
        """
        session = session_interactions(given.session, settings)
        query = read_rank_query(request)
        answer = await rank_for_session(recommender, memory, session, given, query)
        return sign_rank(exposures, answer, query.exposure)

    @router.post(
        "/v1/groups/recommendations",
        response_model=GroupRecommendations,
        openapi_extra=read_query.openapi,
    )
    async def group_recommendations(request: Request, group: Group) -> Response:
        """One list for several users: their lists fused by rank, without items that any of them knows."""
        query = read_query(request)
        answer = await group_answer(recommender, list(dict.fromkeys(group.user_ids)), query.options)
        metrics.count_answer(first_source(answer.items), answer.stale)
        sign_list(exposures, "group", answer, query, query.options)
        return json_response(request, answer, query.fields)

    return router


def session_interactions(items: Sequence[SessionItem], settings: ServingSettings) -> list[Interacted]:
    """The items of a session, newest first; where one comes several times, its last occurrence counts.

    A session has no times, so its order gives them: one millisecond apart, the last one now. The earlier
    occurrences of an item are its earlier times.
    """
    places: dict[str, list[int]] = {}
    for newer, each in enumerate(reversed(items)):
        places.setdefault(each.item_id, []).append(newer)
    now_ms = time.time_ns() // 1_000_000
    found = []
    for item_id, (newest, *earlier) in places.items():
        entry = _entry(items[len(items) - 1 - newest])
        found.append(
            Interacted(
                item_id=item_id,
                strength=strength([entry], settings.event_weights, settings.rating_strengths),
                time_ms=now_ms - newest,
                grade=grade_entries([(entry.event_type, entry.value)]),
                earlier_ms=tuple(now_ms - newer for newer in earlier),
                is_bought=entry.event_type == PURCHASE,
                event_type=entry.event_type,
            )
        )
    return found


def _entry(item: SessionItem) -> HistoryEntry:
    event_type = item.event_type if item.rating is None else RATING
    return HistoryEntry(event_type, 0, "", 1.0 if item.rating is None else item.rating)
