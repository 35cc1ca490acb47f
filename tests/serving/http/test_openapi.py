"""The document names every route and its errors; test_openapi_requests.py tries the requests."""

from __future__ import annotations

from serving.app import create_app
from tests.serving.conftest import settings_of


def test_the_document_has_every_route_and_error() -> None:
    document = create_app(settings_of()).openapi()
    assert set(document["paths"]) == {
        "/v1/users/{user_id}/recommendations",
        "/v1/users/{user_id}/history",
        "/v1/users/{user_id}/export",
        "/v1/items/{item_id}/similar",
        "/v1/items/{item_id}/users",
        "/v1/popular",
        "/v1/debug/users/{user_id}/recommendations",
        "/v1/items:batch",
        "/v1/items/{entry_id}",
        "/v1/users/{entry_id}",
        "/v1/erasures/{receipt}",
        "/v1/models",
        "/v1/models/rollback",
        "/v1/models/{version}/promote",
        "/v1/groups/recommendations",
        "/v1/users/{user_id}/because",
        "/v1/users/{user_id}/similar",
        "/v1/users/{user_id}/estimate",
        "/v1/users/{user_id}/rank",
        "/v1/rank",
        "/v1/trending",
        "/v1/recommendations",
        "/v1/items/{item_id}/together",
        "/v1/events",
        "/v1/model",
        "/v1/rules",
        "/v1/experiments",
        "/v1/experiment-changes",
        "/v1/experiments/{name}",
        "/v1/experiments/{name}/looks",
        "/v1/experiments/{name}/report",
        "/v1/experiments/{name}/start",
        "/v1/experiments/{name}/stop",
        "/v1/experiments/{name}/arms/{arm}/stop",
        "/livez",
        "/readyz",
        "/metrics",
        "/v1/exposures",
        "/v1/live",
    }
    for path in document["paths"].values():
        for operation in path.values():
            assert "application/problem+json" in operation["responses"]["default"]["content"]
            assert operation["description"]
    n = document["paths"]["/v1/popular"]["get"]["parameters"][0]["schema"]
    assert (n["minimum"], n["maximum"]) == (1, 1000)
