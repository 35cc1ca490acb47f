"""/v1/users/{user_id}: recommendations and history."""

from __future__ import annotations

from fastapi import APIRouter

from contracts.settings import ServingSettings
from serving.answers import History, HistoryItem, Recommendations
from serving.bounds import PathId, length_bounds
from serving.metrics import Metrics
from serving.recommender import Recommender
from serving.store import Store


def routes(settings: ServingSettings, recommender: Recommender, store: Store, metrics: Metrics) -> APIRouter:
    """The routes of one user."""
    router = APIRouter(tags=["users"])
    bounds = length_bounds(settings)

    @router.get("/v1/users/{user_id:id}/recommendations")
    async def recommendations(user_id: PathId, n: int = bounds) -> Recommendations:
        """Items for a user, best first, known ones left out; popular items for an unknown user."""
        answer = await recommender.recommend(user_id, n)
        metrics.answered(answer.items, answer.stale)
        return answer

    @router.get("/v1/users/{user_id:id}/history")
    async def history(user_id: PathId, n: int = bounds) -> History:
        """What the user did, newest first: the last interaction per item and type."""
        found = await store.history(user_id)
        found.sort(key=lambda each: (each[1].event_time, each[1].event_id, each[0]), reverse=True)
        items = [
            HistoryItem.model_construct(
                item_id=item_id, event_type=entry.event_type, value=entry.value, event_time=entry.event_time
            )
            for item_id, entry in found[:n]
        ]
        return History.model_construct(user_id=user_id, n=n, items=items)

    return router
