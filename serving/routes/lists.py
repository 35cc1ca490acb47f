"""/v1/popular and /v1/trending: lists that are the same for everyone."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from contracts.settings import ServingSettings
from contracts.stored.records import Popularity
from serving.answer.strategies.popular import SOURCE
from serving.answer.strategies.strategy import Sources
from serving.http.access import access
from serving.http.answers import Popular, PopularItem, Trending, TrendingItem
from serving.http.problems import ProblemError
from serving.http.rendering import rendered
from serving.memory import trending_lists
from serving.question.bounds import Offset, length_bounds
from serving.redis.reads.item import popularity
from serving.redis.reads.lists import popular_page, trending_page
from serving.redis.reads.model import current_version
from serving.redis.store import StoreError
from serving.telemetry.metrics import Metrics

Category = Annotated[str | None, Query(min_length=1, max_length=128, description="Only its items")]


def routes(settings: ServingSettings, sources: Sources, metrics: Metrics) -> APIRouter:
    """The routes of lists."""
    router = APIRouter(tags=["lists"], dependencies=access(settings, "read"))
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
        if category is not None or offset:
            return rendered(request, await _popular_of(sources, n, offset, category))
        version, stale = None, not sources.popular_list.loaded
        try:
            version = await current_version(sources.store)
        except StoreError:
            stale = True
        items = [
            _popular_item(rank, item.item_id, item.score, item.popularity, item.title)
            for rank, item in enumerate(sources.popular_list.head(n), 1)
        ]
        metrics.answered(SOURCE if items else None, stale)
        answer = Popular.model_construct(n=n, offset=0, items=items, model_version=version, stale=stale)
        return rendered(request, answer)

    @router.get("/v1/trending")
    async def trending(
        n: int = bounds,
        offset: Offset = 0,
        category: Category = None,
        half_life: int = half_life_bounds,
    ) -> Trending:
        """What many do with at the moment: each event counts half as much after each half-life.

        ``score`` is the decayed sum of weights now.
        """
        if half_life not in settings.trend_half_lives:
            reason = f"not one of {half_lives} (TREND_HALF_LIVES)"
            raise ProblemError(422, "The request is not valid", errors=[("/query/half_life", reason)])
        found = await trending_page(sources.store, half_life, offset, n, category)
        await sources.catalogue.load(item_id for item_id, _ in found)
        now_ms = time.time_ns() // 1_000_000
        items = [
            TrendingItem(
                item_id=item_id,
                rank=rank,
                score=round(trending_lists.mass_at(score, half_life, now_ms), 6),
                title=sources.catalogue.get(item_id).title,
            )
            for rank, (item_id, score) in enumerate(found, offset + 1)
        ]
        return Trending(n=n, offset=offset, half_life=half_life, items=items)

    return router


async def _popular_of(sources: Sources, n: int, offset: int, category: str | None) -> Popular:
    page = await popular_page(sources.store, offset, n, category)
    ids = [item_id for item_id, _ in page]
    raws = await popularity(sources.store, ids)
    await sources.catalogue.load(ids)
    items = [
        _popular_item(
            rank,
            item_id,
            score,
            Popularity.decode(raw) if raw else Popularity(),
            sources.catalogue.get(item_id).title,
        )
        for rank, ((item_id, score), raw) in enumerate(zip(page, raws, strict=True), offset + 1)
    ]
    version = await current_version(sources.store)
    return Popular.model_construct(n=n, offset=offset, items=items, model_version=version, stale=False)


def _popular_item(rank: int, item_id: str, score: float, liked: Popularity, title: str | None) -> PopularItem:
    return PopularItem.model_construct(
        item_id=item_id,
        rank=rank,
        score=score,
        source=SOURCE,
        title=title,
        raters=liked.raters,
        mean=liked.mean,
        users=liked.users,
    )
