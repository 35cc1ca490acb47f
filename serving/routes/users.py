"""/v1/users/{user_id}: recommendations and history."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from contracts.events import EventType
from contracts.settings import ServingSettings
from serving.admission.early_checks import CheckedRoute
from serving.answer.recommendations import Recommendations
from serving.answer.recommender import Recommender
from serving.exposures.answer_ids import sign_because, sign_rank
from serving.exposures.log import ExposureLog
from serving.http.access import access
from serving.http.query import QueryReader
from serving.lists.estimates import Estimates, estimates
from serving.lists.explanations.because import BecauseYouLiked, because_rows
from serving.lists.rank import GivenItems, RankedItems, RankQuery, rank_for_user
from serving.lists.similar_users import SimilarUsers, similar_to_user
from serving.lists.user_list import UserList
from serving.memory.process_memory import ProcessMemory
from serving.question.bounds import JsonId, Offset, PathId, length_bounds
from serving.redis.reads.user import read_history

MAX_ESTIMATED = 100
Items = Annotated[
    list[JsonId], Query(min_length=1, max_length=MAX_ESTIMATED, description="An item; may be repeated")
]


class HistoryItem(BaseModel):
    """The last interaction of one type with one item."""

    item_id: str
    event_type: EventType
    value: float
    event_time: int = Field(description="Epoch milliseconds UTC")


class History(BaseModel):
    """A user's interactions, newest first; one per item and event type."""

    user_id: str
    n: int
    offset: int = 0
    items: list[HistoryItem]
    stale: bool = Field(False, description="Redis has lost the state, or a rebuild is writing it")


def routes(
    settings: ServingSettings,
    user_list: UserList,
    recommender: Recommender,
    memory: ProcessMemory,
    exposures: ExposureLog,
) -> APIRouter:
    """The routes of one user."""
    router = APIRouter(route_class=CheckedRoute, tags=["users"], dependencies=access(settings, "read"))
    bounds = length_bounds(settings)
    read_rank_query = QueryReader(RankQuery)

    @router.get(
        "/v1/users/{user_id:id}/recommendations",
        response_model=Recommendations,
        openapi_extra=user_list.read_query.openapi,
    )
    async def recommendations(request: Request, user_id: PathId) -> Response:
        """Items for a user, best first; popular items for an unknown user.

        ``known`` says whether items of the history may come again.

        With ``after``, waits until that write is applied; ``stale: true`` when it is not by then.
        """
        return await user_list(request, user_id)

    @router.get("/v1/users/{user_id:id}/because")
    async def because_you_liked(
        user_id: PathId,
        n: int = bounds,
        rows: Annotated[int, Query(ge=1, le=10, description="How many rows, at most")] = 3,
        exposure: Annotated[bool, Query(description="Whether the rows are shown now")] = True,
    ) -> BecauseYouLiked:
        """A row of similar items for each of the items that the user liked last; ``n`` items a row."""
        answer = await because_rows(recommender, memory, user_id, rows, n)
        return sign_because(exposures, answer, exposure)

    @router.get("/v1/users/{user_id:id}/similar")
    async def similar_users(user_id: PathId, n: int = bounds, offset: Offset = 0) -> SimilarUsers:
        """Users of a similar taste: the top users of the items that this user liked last, fused."""
        return await similar_to_user(memory, user_id, n, offset)

    @router.post("/v1/users/{user_id:id}/rank", openapi_extra=read_rank_query.openapi)
    async def rank(request: Request, user_id: PathId, given: GivenItems) -> RankedItems:
        """Items that the caller gives, as search hits, ordered for the user by the whole history.

        Items that the model does not know keep their places.
        """
        query = read_rank_query(request)
        answer = await rank_for_user(recommender, memory, user_id, given, query)
        return sign_rank(exposures, answer, query.exposure)

    _add_what_is_known(router, recommender, memory, bounds)
    return router


def _add_what_is_known(
    router: APIRouter, recommender: Recommender, memory: ProcessMemory, bounds: int
) -> None:
    """Add the routes about the user, which recommend nothing: estimates and the history."""

    @router.get("/v1/users/{user_id:id}/estimate")
    async def estimate(user_id: PathId, item_id: Items) -> Estimates:
        """What the user would rate items, and how much the user would prefer them, from the whole history.

        409 before the first model. An estimate is null where its model cannot tell: nobody has rated the
        item, or the user has rated nothing.
        """
        return await estimates(memory, user_id, item_id)

    @router.post("/v1/users/{user_id:id}/estimate")
    async def estimate_many(user_id: PathId, given: GivenItems) -> Estimates:
        """The same for up to 1,000 items; one that comes twice is answered twice."""
        return await estimates(memory, user_id, given.item_ids)

    @router.get("/v1/users/{user_id:id}/history")
    async def history(user_id: PathId, n: int = bounds, offset: Offset = 0) -> History:
        """What the user did and what still counts, newest first: the last interaction per item and type."""
        items = [
            HistoryItem.model_construct(
                item_id=item_id, event_type=entry.event_type, value=entry.value, event_time=entry.event_time
            )
            for item_id, entry in (await read_history(memory.store, user_id))[offset : offset + n]
        ]
        return History.model_construct(
            user_id=user_id, n=n, offset=offset, items=items, stale=not recommender.holds_state
        )
