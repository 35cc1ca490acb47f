"""The answer to GET /v1/users/{user_id}/recommendations, from its request to its bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from contracts.settings import ServingSettings
from serving.answer.recommender import Recommender, lag_ms
from serving.exposures.log import ExposureLog
from serving.http.problems import ProblemError
from serving.http.query import QueryReader, with_bounded_n
from serving.http.rendering import bytes_response, json_response
from serving.lists.explanations.explain import explain
from serving.lists.list_json import list_json
from serving.lists.list_of_now import rank_again
from serving.lists.list_query import ListQuery
from serving.memory.experiments import ExperimentsInForce
from serving.memory.impressions import Impressions
from serving.memory.model_blend import ModelBlend
from serving.memory.process_memory import ProcessMemory
from serving.question.candidate import EXPLORED, Candidate, User
from serving.question.list_options import ListOptions
from serving.telemetry.metrics import Metrics
from serving.writes.applied_writes import AppliedWrites, NeverWrittenError
from serving.writes.write_token import MAX_TOKEN_LENGTH, decode_token

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
        False, description="Whether each item says which items of the history and which signals made it"
    )
    wait_ms: int = Field(DEFAULT_WAIT_MS, ge=0, le=MAX_WAIT_MS, description="How long `after` may wait")


class UserList:
    """Answers the route; the short way past the framework (``serving/routes/hot_route.py``) calls it too."""

    def __init__(
        self,
        settings: ServingSettings,
        recommender: Recommender,
        applied: AppliedWrites,
        memory: ProcessMemory,
        metrics: Metrics,
        impressions: Impressions,
        experiments: ExperimentsInForce,
        exposures: ExposureLog,
    ) -> None:
        self._recommender = recommender
        self._applied = applied
        self._memory = memory
        self._metrics = metrics
        self._impressions = impressions
        self._experiments = experiments
        self._exposures = exposures
        self.read_query = QueryReader(with_bounded_n(UserListQuery, settings))

    async def __call__(self, request: Request, user_id: str) -> Response:
        """The response. Raises ProblemError 422."""
        query = self.read_query(request)
        in_time = query.after is None or await self._is_applied(user_id, query.after, query.wait_ms / 1000)
        treatment = await self._experiments.treatment(user_id, query.session_id)
        recommender, options = self._recommender, treatment.of_options(query.options, query.model_fields_set)
        user = await recommender.user(user_id, options)
        needed = options.offset + options.n
        ranked_by = await rank_again(self._memory, user, needed, always=query.explain)
        page = await recommender.best(user, options)
        stale = not in_time or recommender.stale(user)
        lag = lag_ms(user.applied_through)
        source = page[0].source if page else None
        self._metrics.count_answer(source, stale, lag)
        recommendation_id = self._exposures.issue(user, source, options.arm)
        if self._impressions.enabled:
            self._impressions.note(user.user_id, (candidate.item_id for candidate in page))
        if query.explain and not stale:
            response = await self._answer_with_reasons(
                request, query, options, user, page, ranked_by, recommendation_id
            )
        else:
            response = self._plain_answer(request, query, options, user, page, stale, lag, recommendation_id)
        # A client that has the list already (304) keeps the id that came with it.
        if query.exposure and response.status_code == 200:
            # Whole: with all fields, and without drawn items, whose propensities an answer only rounds.
            is_whole = query.fields is None and not (query.explain or recommender.exploration.is_on(options))
            body = bytes(response.body) if is_whole else None
            self._exposures.note("user", recommendation_id, user, page, options, query.session_id, body)
        return response

    async def scored_items(
        self, request: Request, user_id: str, query: Mapping[str, object]
    ) -> list[tuple[str, float]]:
        """The items of an answer with their scores, for routes of other systems.

        ``query`` takes the place of the request's own, and has the names of UserListQuery. Raises
        ProblemError 422.
        """
        asked = Request({**request.scope, "query_string": urlencode(query).encode(), "headers": []})
        response = await self(asked, user_id)
        items = json.loads(bytes(response.body))["items"]
        return [(item["item_id"], item["score"]) for item in items]

    def _plain_answer(
        self,
        request: Request,
        query: UserListQuery,
        options: ListOptions,
        user: User,
        page: Sequence[Candidate],
        stale: bool,
        lag: int | None,
        recommendation_id: str,
    ) -> Response:
        recommender = self._recommender
        is_explored = recommender.exploration.is_on(options) and any(each.source == EXPLORED for each in page)
        if query.fields is None and not query.explain and not is_explored:
            body = list_json(user, options, page, self._memory.catalogue.get, stale, lag, recommendation_id)
            return bytes_response(request, body)
        answer = recommender.build_answer(user, options, page)
        answer.stale, answer.recommendation_id = stale, recommendation_id
        return json_response(request, answer, query.fields)

    async def _answer_with_reasons(
        self,
        request: Request,
        query: UserListQuery,
        options: ListOptions,
        user: User,
        page: Sequence[Candidate],
        ranked_by: ModelBlend | None,
        recommendation_id: str,
    ) -> Response:
        answer = self._recommender.build_answer(user, options, page)
        answer.stale, answer.recommendation_id = False, recommendation_id
        await explain(self._memory, user, answer.items, ranked_by)
        return json_response(request, answer, query.fields)

    async def _is_applied(self, user_id: str, token: str, seconds: float) -> bool:
        try:
            return await self._applied.wait(user_id, _offsets(token), seconds)
        except NeverWrittenError as error:
            reason = "send the `token` of an answer to POST /v1/events as it came"
            detail = f"after: no such write was made, {error}"
            raise ProblemError(422, detail, errors=[("/query/after", reason)]) from error


def _offsets(token: str) -> dict[int, int]:
    try:
        return decode_token(token)
    except ValueError as error:
        reason = "send the `token` of an answer to POST /v1/events as it came"
        raise ProblemError(422, f"after: {error}", errors=[("/query/after", reason)]) from error
