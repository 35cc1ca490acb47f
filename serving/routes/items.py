"""/v1/items/{item_id}: lists that start from an item."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from contracts.settings import ServingSettings
from serving.answer.recommender import Recommender
from serving.answer.strategies.strategy import Sources
from serving.http.access import access
from serving.http.answers import SimilarItems, TogetherItem, TogetherItems, TopUser, TopUsers, first_source
from serving.http.problems import ProblemError
from serving.http.query import ListQuery, QueryReader, bounded
from serving.http.rendering import rendered
from serving.lists.together import frequently_together
from serving.question.bounds import Offset, PathId, length_bounds
from serving.redis.reads.item import top_users as read_top_users
from serving.telemetry.metrics import Metrics

_UNKNOWN = "Neither the model, nor an event, nor the catalogue knows this item"


def routes(
    settings: ServingSettings,
    recommender: Recommender,
    sources: Sources,
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
        answer = await recommender.similar(item_id, query.wishes)
        if answer is None:
            raise ProblemError(404, _UNKNOWN)
        metrics.answered(first_source(answer.items), answer.stale)
        return rendered(request, answer, query.fields)

    @router.get("/v1/items/{item_id:id}/users")
    async def top_users(item_id: PathId, n: int = bounds, offset: Offset = 0) -> TopUsers:
        """The users whom an item suits most, best first; empty where the model does not know the item."""
        found = await read_top_users(sources.store, item_id)
        if not found.known:
            raise ProblemError(404, _UNKNOWN)
        users = [
            TopUser.model_construct(user_id=user_id, rank=rank, score=score)
            for rank, (user_id, score) in enumerate(found.entries[offset : offset + n], offset + 1)
        ]
        return TopUsers.model_construct(
            item_id=item_id, n=n, offset=offset, users=users, model_version=found.model_version
        )

    @router.get("/v1/items/{item_id:id}/together")
    async def together(item_id: PathId, n: int = bounds, offset: Offset = 0) -> TogetherItems:
        """What the same users liked lately, more often than popularity explains; the surest first.

        ``score`` is the log-likelihood ratio, ``lift`` how many times more often than by chance.
        """
        found = await frequently_together(sources.store, item_id, sources.popular_list.users)
        found = found[offset : offset + n]
        await sources.catalogue.load(each.item_id for each in found)
        items = [
            TogetherItem(
                item_id=each.item_id,
                rank=rank,
                score=round(each.score, 6),
                lift=round(each.lift, 6),
                users=each.users,
                title=sources.catalogue.get(each.item_id).title,
            )
            for rank, each in enumerate(found, offset + 1)
        ]
        return TogetherItems(item_id=item_id, n=n, offset=offset, items=items)

    return router
