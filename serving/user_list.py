"""The answer to GET /v1/users/{user_id}/recommendations, from its request to its bytes."""

from __future__ import annotations

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from contracts.settings import ServingSettings
from serving.answers import first_source
from serving.applied import AppliedWrites
from serving.candidates.strategy import Sources
from serving.explanations import explain
from serving.metrics import Metrics
from serving.problems import ProblemError
from serving.query import ListQuery, QueryReader, bounded
from serving.recommender import Recommender
from serving.rendering import rendered
from serving.write_token import MAX_TOKEN_LENGTH, decode_token

DEFAULT_WAIT_MS, MAX_WAIT_MS = 2000, 10_000


class UserListQuery(ListQuery):
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


class UserList:
    """Called by the documented route and by the short way to it (``serving/hot_route.py``)."""

    def __init__(
        self,
        settings: ServingSettings,
        recommender: Recommender,
        applied: AppliedWrites,
        sources: Sources,
        metrics: Metrics,
    ) -> None:
        self._recommender = recommender
        self._applied = applied
        self._sources = sources
        self._metrics = metrics
        self.read_query = QueryReader(bounded(UserListQuery, settings))

    async def __call__(self, request: Request, user_id: str) -> Response:
        """The response. Raises ProblemError 422."""
        query = self.read_query(request)
        in_time = query.after is None or await self._applied.reached(
            user_id, _offsets(query.after), query.wait_ms / 1000
        )
        answer = await self._recommender.recommend(user_id, query.wishes)
        if not in_time:
            answer.stale = True
        if query.explain and not answer.stale:
            await explain(self._sources, user_id, answer.items)
        self._metrics.answered(first_source(answer.items), answer.stale)
        return rendered(request, answer, query.fields)


def _offsets(token: str) -> dict[int, int]:
    try:
        return decode_token(token)
    except ValueError as error:
        reason = "send the `token` of an answer to POST /v1/events as it came"
        raise ProblemError(422, f"after: {error}", errors=[("/query/after", reason)]) from error
