"""/v1/items/{item_id} and /v1/popular: lists that start from items."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from contracts.settings import ServingSettings
from serving.access import access
from serving.answers import Popular, PopularItem, SimilarItems, TopUser, TopUsers, first_source
from serving.bounds import PathId, length_bounds
from serving.cold_start.popular import SOURCE
from serving.metrics import Metrics
from serving.popular_list import PopularList
from serving.problems import ProblemError
from serving.query import ListQuery, QueryReader, bounded
from serving.reads.item import top_users as read_top_users
from serving.reads.model import current_version
from serving.recommender import Recommender
from serving.rendering import rendered
from serving.store import Store, StoreError

_UNKNOWN = "Neither the model, nor an event, nor the catalogue knows this item"


def routes(
    settings: ServingSettings,
    recommender: Recommender,
    store: Store,
    popular_list: PopularList,
    metrics: Metrics,
) -> APIRouter:
    """The routes of items."""
    router = APIRouter(tags=["items"], dependencies=access(settings, "read"))
    bounds = length_bounds(settings)
    read_query = QueryReader(bounded(ListQuery, settings))

    @router.get(
        "/v1/items/{item_id:id}/similar", response_model=SimilarItems, openapi_extra=read_query.openapi
    )
    async def similar(request: Request, item_id: PathId) -> Response:
        """Neighbours of an item, best first; popular items (see ``source``) where the model has none.

        404 for an item that neither the model, nor an event, nor the catalogue knows.
        """
        query = read_query(request)
        answer = await recommender.similar(item_id, query.wishes())
        if answer is None:
            raise ProblemError(404, _UNKNOWN)
        metrics.answered(first_source(answer.items), answer.stale)
        return rendered(request, answer, query.fields)

    @router.get("/v1/items/{item_id:id}/users")
    async def top_users(item_id: PathId, n: int = bounds) -> TopUsers:
        """The users whom an item suits most, best first; empty where the model does not know the item."""
        found = await read_top_users(store, item_id)
        if not found.known:
            raise ProblemError(404, _UNKNOWN)
        users = [
            TopUser.model_construct(user_id=user_id, rank=rank, score=score)
            for rank, (user_id, score) in enumerate(found.entries[:n], 1)
        ]
        return TopUsers.model_construct(item_id=item_id, n=n, users=users, model_version=found.model_version)

    @router.get("/v1/popular")
    async def popular(n: int = bounds) -> Popular:
        """The most popular items; score = raters x mean rating + weighted counts of the other events."""
        version, stale = None, not popular_list.loaded
        try:
            version = await current_version(store)
        except StoreError:
            stale = True
        items = [
            PopularItem.model_construct(
                item_id=item.item_id,
                rank=rank,
                score=item.score,
                source=SOURCE,
                title=item.title,
                raters=item.popularity.raters,
                mean=item.popularity.mean,
                users=item.popularity.users,
            )
            for rank, item in enumerate(popular_list.head(n), 1)
        ]
        metrics.answered(SOURCE if items else None, stale)
        return Popular.model_construct(n=n, items=items, model_version=version, stale=stale)

    return router
