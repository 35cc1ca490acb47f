"""/v1/popular and /v1/trending: lists that are the same for everyone."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from contracts.settings import ServingSettings
from serving.admission.early_checks import CheckedRoute
from serving.answer.recommender import Recommender
from serving.answer.strategies.popular import SOURCE
from serving.answer.strategies.trending import SOURCE as TRENDING
from serving.exposures.log import ExposureLog
from serving.http.access import access
from serving.http.problems import ProblemError
from serving.http.rendering import json_response
from serving.lists.popular import Popular, popular_answer
from serving.lists.trending import Trending, trending_answer
from serving.memory.process_memory import ProcessMemory
from serving.question.bounds import Offset, length_bounds
from serving.telemetry.metrics import Metrics

Category = Annotated[str | None, Query(min_length=1, max_length=128, description="Only its items")]


def routes(
    settings: ServingSettings,
    recommender: Recommender,
    memory: ProcessMemory,
    metrics: Metrics,
    exposures: ExposureLog,
) -> APIRouter:
    """The routes of lists."""
    router = APIRouter(route_class=CheckedRoute, tags=["lists"], dependencies=access(settings, "read"))
    bounds = length_bounds(settings)
    half_lives = ", ".join(map(str, settings.trend_half_lives))
    half_life_bounds: int = Query(
        settings.trending_half_life,
        description="In seconds",
        json_schema_extra={"enum": list(settings.trend_half_lives)},
    )

    @router.get("/v1/popular", response_model=Popular)
    async def popular(
        request: Request, n: int = bounds, offset: Offset = 0, category: Category = None
    ) -> Response:
        """The most popular items; score = raters x mean rating + weighted counts of the other events."""
        answer = await popular_answer(recommender, memory, n, offset, category)
        metrics.count_answer(SOURCE if answer.items else None, answer.stale)
        answer.recommendation_id = exposures.ids.issue("", answer.model_version, SOURCE)
        return json_response(request, answer)

    @router.get("/v1/trending")
    async def trending(
        n: int = bounds,
        offset: Offset = 0,
        category: Category = None,
        half_life: int = half_life_bounds,
    ) -> Trending:
        """Items that many users interact with now: each event counts half as much after each half-life.

        ``score`` is the decayed sum of weights now.
        """
        if half_life not in settings.trend_half_lives:
            reason = f"not one of {half_lives} (TREND_HALF_LIVES)"
            raise ProblemError(422, "The request is not valid", errors=[("/query/half_life", reason)])
        answer = await trending_answer(recommender, memory, n, offset, half_life, category)
        answer.recommendation_id = exposures.ids.issue("", None, TRENDING)
        return answer

    return router
