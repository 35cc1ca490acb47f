"""/v1/debug: shows an operator how a list came about."""

from __future__ import annotations

from fastapi import APIRouter, Request

from contracts.settings import ServingSettings
from serving.admission.early_checks import CheckedRoute
from serving.answer.recommender import Recommender
from serving.answer.trace import Trace, trace
from serving.http.access import access
from serving.http.query import QueryReader, with_bounded_n
from serving.lists.list_query import ListQuery
from serving.memory.experiments import ExperimentsInForce
from serving.memory.process_memory import ProcessMemory
from serving.question.bounds import PathId


def routes(
    settings: ServingSettings,
    recommender: Recommender,
    memory: ProcessMemory,
    experiments: ExperimentsInForce,
) -> APIRouter:
    """The routes for debugging; they need the admin key where one is set."""
    router = APIRouter(route_class=CheckedRoute, tags=["operations"], dependencies=access(settings, "admin"))
    read_query = QueryReader(with_bounded_n(ListQuery, settings))

    @router.get("/v1/debug/users/{user_id:id}/recommendations", openapi_extra=read_query.openapi)
    async def debug_recommendations(request: Request, user_id: PathId) -> Trace:
        """Every candidate of a user's answer: who proposed it, what removed it, what moved it where."""
        query = read_query(request)
        treatment = await experiments.treatment(user_id, query.session_id)
        options = treatment.of_options(query.options, query.model_fields_set)
        return await trace(recommender, memory, user_id, options)

    return router
