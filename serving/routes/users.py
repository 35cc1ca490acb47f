"""/v1/users/{user_id}: recommendations and history."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from contracts.settings import ServingSettings
from serving.access import access
from serving.answers import BecauseYouLiked, History, HistoryItem, Recommendations, SimilarUsers, first_source
from serving.applied import AppliedWrites
from serving.because import because_rows
from serving.bounds import PathId, length_bounds
from serving.candidates.strategy import Sources
from serving.explanations import explain
from serving.metrics import Metrics
from serving.problems import ProblemError
from serving.query import ListQuery, QueryReader, bounded
from serving.reads.user import history as read_history
from serving.recommender import Recommender
from serving.rendering import rendered
from serving.similar_users import similar_to_user
from serving.write_token import MAX_TOKEN_LENGTH, decode_token

DEFAULT_WAIT_MS, MAX_WAIT_MS = 2000, 10_000


class RecommendationsQuery(ListQuery):
    """What a user's list takes."""

    after: str | None = Field(
        None,
        max_length=MAX_TOKEN_LENGTH,
        description="The token of a write, from POST /v1/events: the answer waits until the write is in it",
        json_schema_extra={"format": "write-token"},
    )
    explain: bool = Field(
        False, description="Whether each item says which items of the history made it, with their shares"
    )
    wait_ms: int = Field(DEFAULT_WAIT_MS, ge=0, le=MAX_WAIT_MS, description="How long `after` may wait")


def routes(
    settings: ServingSettings,
    recommender: Recommender,
    applied: AppliedWrites,
    sources: Sources,
    metrics: Metrics,
) -> APIRouter:
    """The routes of one user."""
    router = APIRouter(tags=["users"], dependencies=access(settings, "read"))
    bounds = length_bounds(settings)
    read_query = QueryReader(bounded(RecommendationsQuery, settings))

    @router.get(
        "/v1/users/{user_id:id}/recommendations",
        response_model=Recommendations,
        openapi_extra=read_query.openapi,
    )
    async def recommendations(request: Request, user_id: PathId) -> Response:
        """Items for a user, best first, known ones left out; popular items for an unknown user.

        With ``after``, waits until that write is applied; ``stale: true`` when it is not by then.
        """
        query = read_query(request)
        in_time = query.after is None or await applied.reached(
            user_id, _offsets(query.after), query.wait_ms / 1000
        )
        answer = await recommender.recommend(user_id, query.wishes())
        answer.stale = answer.stale or not in_time
        if query.explain and not answer.stale:
            await explain(sources, user_id, answer.items)
        metrics.answered(first_source(answer.items), answer.stale)
        return rendered(request, answer, query.fields)

    @router.get("/v1/users/{user_id:id}/because")
    async def because_you_liked(
        user_id: PathId,
        n: int = bounds,
        rows: Annotated[int, Query(ge=1, le=10, description="How many rows, at most")] = 3,
    ) -> BecauseYouLiked:
        """For each of the items liked last: what is like it; ``n`` items a row."""
        return await because_rows(recommender, sources, user_id, rows, n)

    @router.get("/v1/users/{user_id:id}/similar")
    async def similar_users(user_id: PathId, n: int = bounds) -> SimilarUsers:
        """Users whom the items that this user liked last suit most: the items' top users, fused."""
        return await similar_to_user(sources, user_id, n)

    @router.get("/v1/users/{user_id:id}/history")
    async def history(user_id: PathId, n: int = bounds) -> History:
        """What the user did and what still counts, newest first: the last interaction per item and type."""
        items = [
            HistoryItem.model_construct(
                item_id=item_id, event_type=entry.event_type, value=entry.value, event_time=entry.event_time
            )
            for item_id, entry in (await read_history(sources.store, user_id))[:n]
        ]
        return History.model_construct(user_id=user_id, n=n, items=items)

    return router


def _offsets(token: str) -> dict[int, int]:
    try:
        return decode_token(token)
    except ValueError as error:
        reason = "send the `token` of an answer to POST /v1/events as it came"
        raise ProblemError(422, f"after: {error}", errors=[("/query/after", reason)]) from error
