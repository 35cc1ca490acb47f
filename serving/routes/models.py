"""/v1/models: published versions, and which one is served."""

from __future__ import annotations

from fastapi import APIRouter

from contracts.settings import ServingSettings
from serving.admission.early_checks import CheckedRoute
from serving.http.access import access
from serving.question.bounds import PathId
from serving.redis.store import Store
from serving.writes import models
from serving.writes.models import ModelMoved, Models


def routes(settings: ServingSettings, store: Store) -> APIRouter:
    """The routes of models; all need the admin key where one is set."""
    router = APIRouter(route_class=CheckedRoute, tags=["models"], dependencies=access(settings, "admin"))

    @router.get("/v1/models")
    async def list_models() -> Models:
        """Every version that Redis holds, the newest first."""
        return Models(models=await models.versions(store))

    @router.post("/v1/models/rollback")
    async def roll_back() -> ModelMoved:
        """Serve again the version before the served one; 409 where there is none."""
        return await models.roll_back(store)

    @router.post("/v1/models/{version:id}/promote")
    async def promote(version: PathId) -> ModelMoved:
        """Serve a version that Redis holds whole; 409 where it is served already or was pruned."""
        return await models.promote(store, version)

    return router
