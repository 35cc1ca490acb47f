"""/v1/users/{user_id}: recommendations and history."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from contracts.settings import ServingSettings
from serving.access import access
from serving.answers import History, HistoryItem, Recommendations
from serving.applied import AppliedWrites
from serving.bounds import PathId, length_bounds
from serving.metrics import Metrics
from serving.problems import ProblemError
from serving.question import Wishes
from serving.reads.user import history as read_history
from serving.recommender import Recommender
from serving.rendering import Fields, rendered
from serving.store import Store
from serving.wishes import wishes_of
from serving.write_token import MAX_TOKEN_LENGTH, decode_token

DEFAULT_WAIT_MS, MAX_WAIT_MS = 2000, 10_000
After = Annotated[
    str | None,
    Query(
        description="The token of a write, from POST /v1/events: the answer waits until the write is in it",
        max_length=MAX_TOKEN_LENGTH,
        json_schema_extra={"format": "write-token"},
    ),
]
WaitMs = Annotated[int, Query(ge=0, le=MAX_WAIT_MS, description="How long `after` may wait")]


def routes(
    settings: ServingSettings,
    recommender: Recommender,
    applied: AppliedWrites,
    store: Store,
    metrics: Metrics,
) -> APIRouter:
    """The routes of one user."""
    router = APIRouter(tags=["users"], dependencies=access(settings, "read"))
    bounds = length_bounds(settings)
    asked: Wishes = Depends(wishes_of(settings))

    @router.get("/v1/users/{user_id:id}/recommendations", response_model=Recommendations)
    async def recommendations(
        request: Request,
        user_id: PathId,
        wishes: Wishes = asked,
        after: After = None,
        wait_ms: WaitMs = DEFAULT_WAIT_MS,
        fields: Fields = None,
    ) -> Response:
        """Items for a user, best first, known ones left out; popular items for an unknown user.

        With ``after``, waits until that write is applied; ``stale: true`` when it is not by then.
        """
        in_time = after is None or await applied.reached(user_id, _offsets(after), wait_ms / 1000)
        answer = await recommender.recommend(user_id, wishes)
        answer.stale = answer.stale or not in_time
        metrics.answered(answer.items, answer.stale)
        return rendered(request, answer, fields)

    @router.get("/v1/users/{user_id:id}/history")
    async def history(user_id: PathId, n: int = bounds) -> History:
        """What the user did and what still counts, newest first: the last interaction per item and type."""
        items = [
            HistoryItem.model_construct(
                item_id=item_id, event_type=entry.event_type, value=entry.value, event_time=entry.event_time
            )
            for item_id, entry in (await read_history(store, user_id))[:n]
        ]
        return History.model_construct(user_id=user_id, n=n, items=items)

    return router


def _offsets(token: str) -> dict[int, int]:
    try:
        return decode_token(token)
    except ValueError as error:
        reason = "send the `token` of an answer to POST /v1/events as it came"
        raise ProblemError(422, f"after: {error}", errors=[("/query/after", reason)]) from error
