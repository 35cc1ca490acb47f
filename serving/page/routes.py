"""The routes that only the page asks. They are no part of the API's contract and may change with the page."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from starlette.responses import Response

from contracts.settings import ServingSettings
from serving.admission.early_checks import CheckedRoute
from serving.answer.recommender import Recommender
from serving.http.access import access
from serving.http.paths import PAGE_STREAM
from serving.memory.process_memory import ProcessMemory
from serving.memory.service_figures import ServiceFigures
from serving.memory.state_health import StateHealth
from serving.page.now import picture
from serving.page.search import FoundItems, ShownFacts, facts, search
from serving.page.stream import Stream
from serving.page.titles import Titles
from serving.page.versions import Compared, Versions
from serving.question.bounds import JsonId, PathId
from serving.telemetry.metrics import Metrics

MAX_ITEMS = 100
ItemIds = Annotated[list[JsonId], Query(min_length=1, max_length=MAX_ITEMS)]
SearchText = Annotated[str, Query(max_length=200)]


def routes(
    settings: ServingSettings,
    recommender: Recommender,
    memory: ProcessMemory,
    health: StateHealth,
    figures: ServiceFigures,
    metrics: Metrics,
) -> APIRouter:
    """The page's routes; they need the key that reads where one is set."""
    router = APIRouter(
        route_class=CheckedRoute, include_in_schema=False, dependencies=access(settings, "read")
    )
    titles, versions = Titles(memory.store), Versions(memory.store, memory.catalogue)
    stream = Stream(lambda: picture(recommender, memory, health, figures, metrics))

    @router.get(PAGE_STREAM, response_model=None)
    async def now(last_event_id: Annotated[str | None, Header()] = None) -> Response:
        return stream.answer(last_event_id)

    @router.get("/page/search")
    async def find(q: SearchText = "") -> FoundItems:
        return await search(recommender, memory, titles, q)

    @router.get("/page/items")
    async def facts_of(item_id: ItemIds) -> dict[str, ShownFacts]:
        return await facts(memory, item_id)

    @router.get("/page/versions")
    async def version_names() -> list[str]:
        return await versions.names()

    @router.get("/page/versions/{version:id}")
    async def version_manifest(version: PathId) -> dict[str, Any]:
        return (await versions.manifest(version)).to_dict()

    @router.get("/page/decisions")
    async def decisions() -> list[dict[str, str]]:
        return await versions.decisions()

    @router.get("/page/users/{user_id:id}/compare")
    async def compare(user_id: PathId, left: JsonId, right: JsonId) -> Compared:
        return await versions.compare(user_id, left, right)

    return router
