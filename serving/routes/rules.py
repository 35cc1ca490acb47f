"""/v1/rules: an operator's deny, allow and editorial lists, and boosts."""

from __future__ import annotations

from fastapi import APIRouter

from contracts.settings import ServingSettings
from serving.admission.early_checks import CheckedRoute
from serving.http.access import access
from serving.memory.rules import RulesInForce
from serving.question.operator_rules import Rules


def routes(settings: ServingSettings, rules: RulesInForce) -> APIRouter:
    """The routes of the rules; both need the admin key where one is set."""
    router = APIRouter(route_class=CheckedRoute, tags=["operations"], dependencies=access(settings, "admin"))

    @router.get("/v1/rules")
    async def get_rules() -> Rules:
        """The rules in force."""
        await rules.refresh()
        return rules.now

    @router.put("/v1/rules")
    async def put_rules(wanted: Rules) -> Rules:
        """Replace them all; every API process follows within a second. They live in Redis alone."""
        await rules.replace(wanted)
        return rules.now

    return router
