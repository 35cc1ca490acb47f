"""The served model, and the routes that machines ask: /livez, /readyz, /metrics."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from contracts.live_figures import KEEP_SECONDS
from contracts.settings import ServingSettings
from contracts.stored.manifest import ManifestError
from serving.admission.early_checks import CheckedRoute
from serving.http.access import access
from serving.http.problems import ProblemError
from serving.memory.figures.live_figures import Live, live_answer
from serving.memory.popular_list import PopularList
from serving.memory.state_health import StateHealth
from serving.redis.reads.model import current_version, read_manifest
from serving.redis.store import Store, StoreError
from serving.telemetry.metrics import Metrics

MAX_HOURS = KEEP_SECONDS // 3600


class Health(BaseModel):
    """What the process can reach."""

    status: str
    redis: str
    state: str = Field(description='"ok", or why the state in Redis is not to be relied upon, with the cure')
    popular_items: int
    model_version: str | None


def routes(
    settings: ServingSettings, store: Store, popular_list: PopularList, health: StateHealth, metrics: Metrics
) -> APIRouter:
    """The routes of the service itself."""
    router = APIRouter(route_class=CheckedRoute, tags=["operations"])
    _add_model_routes(router, settings, store)
    _add_machine_routes(router, store, popular_list, health, metrics)
    return router


def _add_model_routes(router: APIRouter, settings: ServingSettings, store: Store) -> None:
    """Add the routes about the served model: its manifest, and how good its lists are now."""

    @router.get("/v1/model")
    async def model() -> dict[str, Any]:
        """The manifest of the model being served: version, parameters, metrics, counts, timings."""
        version = await current_version(store)
        if version is None:
            raise ProblemError(404, "No model is published yet: `headwater train --once` makes one")
        try:
            manifest = await read_manifest(store, version)
        except ManifestError as error:
            raise ProblemError(500, str(error)) from error
        return manifest.to_dict() if manifest else {"version": version}

    @router.get("/v1/live", dependencies=access(settings, "read"))
    async def live(
        hours: Annotated[
            int, Query(ge=1, le=MAX_HOURS, description="How far back, the present hour included")
        ] = 24,
    ) -> Live:
        """How the lists that users had held what they did next, by hour and model version.

        Beside them, for the same events: the list of the last training round, and the popular list.
        """
        return await live_answer(store, hours)


def _add_machine_routes(
    router: APIRouter, store: Store, popular_list: PopularList, health: StateHealth, metrics: Metrics
) -> None:
    """Add the routes that machines ask: liveness, readiness and Prometheus."""

    @router.get("/livez")
    @router.get("/healthz", include_in_schema=False)
    async def livez() -> dict[str, str]:
        """Whether the process answers; asks nothing else."""
        return {"status": "ok"}

    @router.get("/readyz")
    async def readyz() -> Health:
        """Whether lists can be answered: Redis was read once; later trouble only makes answers stale.

        ``state`` says why answers are stale although Redis answers.
        """
        redis, version = "ok", None
        try:
            version = await current_version(store)
        except StoreError as error:
            redis = str(error)
        if not popular_list.loaded:
            raise ProblemError(
                503, f"The popular list was not read yet; Redis: {redis}", headers={"Retry-After": "1"}
            )
        state = health.reason or "ok"
        return Health(
            status="ok" if redis == state == "ok" else "stale",
            redis=redis,
            state=state,
            popular_items=len(popular_list),
            model_version=version,
        )

    @router.get("/metrics", response_class=Response)
    async def prometheus() -> Response:
        """Prometheus' text format."""
        text = await run_in_threadpool(metrics.exposition)
        return Response(text, media_type=CONTENT_TYPE_LATEST)
