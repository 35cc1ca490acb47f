"""/v1/items/{item_id}: lists that start from an item."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from contracts.settings import ServingSettings
from serving.admission.early_checks import CheckedRoute
from serving.answer.recommended_item import first_source
from serving.answer.recommender import Recommender
from serving.exposures.answer_ids import sign
from serving.exposures.log import ExposureLog
from serving.http.access import access
from serving.http.problems import ProblemError
from serving.http.query import QueryReader, with_bounded_n
from serving.http.rendering import json_response
from serving.lists.list_query import ListQuery
from serving.lists.similar_items import SimilarItems, similar_items_answer
from serving.lists.together import TogetherItems, together_answer
from serving.memory.process_memory import ProcessMemory
from serving.question.bounds import Offset, PathId, length_bounds
from serving.redis.reads.item import top_users as read_top_users
from serving.telemetry.metrics import Metrics

_UNKNOWN = "Neither the model, nor an event, nor the catalogue knows this item"


class TopUser(BaseModel):
    """A user whom an item suits."""

    user_id: str
    rank: int = Field(ge=1)
    score: float


class TopUsers(BaseModel):
    """The users whom an item suits most, best first."""

    item_id: str
    n: int
    offset: int = 0
    users: list[TopUser]
    model_version: str | None
    stale: bool = Field(False, description="Redis has lost the state, or a rebuild is writing it")


def routes(
    settings: ServingSettings,
    recommender: Recommender,
    memory: ProcessMemory,
    metrics: Metrics,
    exposures: ExposureLog,
) -> APIRouter:
    """The routes of items."""
    router = APIRouter(route_class=CheckedRoute, tags=["items"], dependencies=access(settings, "read"))
    bounds = length_bounds(settings)
    read_query = QueryReader(with_bounded_n(ListQuery, settings))

    @router.get(
        "/v1/items/{item_id:id}/similar", response_model=SimilarItems, openapi_extra=read_query.openapi
    )
    async def similar(request: Request, item_id: PathId) -> Response:
        """Neighbours of an item, best first; popular items (see ``source``) where the model has none.

        404 for an item that neither the model, nor an event, nor the catalogue knows.
        """
        query = read_query(request)
        answer = await similar_items_answer(recommender, memory, item_id, query.options)
        if answer is None:
            raise ProblemError(404, _UNKNOWN)
        metrics.count_answer(first_source(answer.items), answer.stale)
        sign(exposures, answer)
        return json_response(request, answer, query.fields)

    @router.get("/v1/items/{item_id:id}/users")
    async def top_users(item_id: PathId, n: int = bounds, offset: Offset = 0) -> TopUsers:
        """The users whom an item suits most, best first; empty where the model does not know the item."""
        found = await read_top_users(memory.store, item_id)
        if not found.known and recommender.holds_state:
            raise ProblemError(404, _UNKNOWN)
        users = [
            TopUser.model_construct(user_id=user_id, rank=rank, score=score)
            for rank, (user_id, score) in enumerate(found.entries[offset : offset + n], offset + 1)
        ]
        return TopUsers.model_construct(
            item_id=item_id,
            n=n,
            offset=offset,
            users=users,
            model_version=found.model_version,
            stale=not recommender.holds_state,
        )

    @router.get("/v1/items/{item_id:id}/together")
    async def together(item_id: PathId, n: int = bounds, offset: Offset = 0) -> TogetherItems:
        """What the same users liked lately, more often than popularity explains; the surest first.

        ``score`` is the log-likelihood ratio, ``lift`` how many times more often than by chance.
        """
        return await together_answer(recommender, memory, item_id, n, offset)

    return router
