"""/v1/items/{item_id} and /v1/popular: lists that start from items."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from contracts.settings import ServingSettings
from serving.access import access
from serving.answers import Popular, PopularItem, SimilarItems, TopUser, TopUsers
from serving.bounds import PathId, length_bounds
from serving.cold_start.popular import SOURCE
from serving.metrics import Metrics
from serving.popular_list import PopularList
from serving.problems import ProblemError
from serving.question import Wishes
from serving.reads.item import top_users as read_top_users
from serving.reads.model import current_version
from serving.recommender import Recommender
from serving.rendering import Fields, rendered
from serving.store import Store, StoreError
from serving.wishes import wishes_of

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
    asked: Wishes = Depends(wishes_of(settings))

    @router.get("/v1/items/{item_id:id}/similar", response_model=SimilarItems)
    async def similar(
        request: Request, item_id: PathId, wishes: Wishes = asked, fields: Fields = None
    ) -> Response:
        """Neighbours of an item, best first; popular items (see ``source``) where the model has none.

        404 for an item that neither the model, nor an event, nor the catalogue knows.
        """
        answer = await recommender.similar(item_id, wishes)
        if answer is None:
            raise ProblemError(404, _UNKNOWN)
        metrics.answered(answer.items, answer.stale)
        return rendered(request, answer, fields)

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
        metrics.answered(items, stale)
        return Popular.model_construct(n=n, items=items, model_version=version, stale=stale)

    return router
