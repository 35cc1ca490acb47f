"""The OpenAPI document: FastAPI's, plus the events' schema and problem+json for every error."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from serving.http.event_schema import COMPONENTS
from serving.http.problems import MEDIA_TYPE, FieldError, ProblemBody

# "default" means every status that a route does not name, so every error is documented.
ERRORS: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "An error (RFC 9457)",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}


def describe(app: FastAPI) -> None:
    """Make the app's /openapi.json complete."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title, version=app.version, description=app.description, routes=app.routes
            )
            document["components"].setdefault("schemas", {}).update(COMPONENTS | _problem_components())
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _problem_components() -> dict[str, Any]:
    template = "#/components/schemas/{model}"
    problem = ProblemBody.model_json_schema(ref_template=template)
    problem.pop("$defs")
    return {"Problem": problem, "FieldError": FieldError.model_json_schema(ref_template=template)}
