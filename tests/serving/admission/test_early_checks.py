"""Requests that every route refuses before it reads the body."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from serving.admission.early_checks import CheckedRoute
from serving.app import create_app
from tests.serving.conftest import Client, settings_of

WRITES = [
    ("POST", "/v1/events"),
    ("PUT", "/v1/items/i"),
    ("PATCH", "/v1/users/u"),
    ("DELETE", "/v1/users/u"),
    ("PUT", "/v1/rules"),
]


def test_every_route_is_checked_before_its_body_is_read() -> None:
    routes = [each.route for each in iter_route_contexts(create_app(settings_of()).routes)]
    documented = [route for route in routes if isinstance(route, APIRoute) and route.path.startswith("/v1")]
    assert len(documented) > 20
    assert {type(route) for route in documented} == {CheckedRoute}


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_without_a_key_no_body_is_read(api: Client, method: str, path: str) -> None:
    read: list[bool] = []

    async def body() -> AsyncIterator[bytes]:
        read.append(True)
        yield b"{}"

    async def scenario() -> int:
        async with api(api_key="secret") as client:
            headers = {"content-type": "application/json"}
            return (await client.request(method, path, content=body(), headers=headers)).status_code

    assert asyncio.run(scenario()) == 401
    assert read == []


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("/v1/popular?m=5", "known are category, n, offset"),
        ("/v1/users/u/recommendations?ofset=5", "did you mean offset?"),
        ("/v1/users/u/recommendations?N=5", "did you mean n?"),
        ("/v1/users/u/history?limit=5", "known are"),
        ("/v1/items/i/similar?zzz=1", "known are"),
        ("/livez?x=1", "takes none"),
    ],
)
def test_an_unknown_query_parameter_is_refused_with_a_hint(api: Client, path: str, hint: str) -> None:
    async def scenario() -> None:
        async with api() as client:
            answer = await client.get(path)
            assert answer.status_code == 422, answer.text
            assert hint in answer.text

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("DELETE", "/v1/users/gdpr/", 422),
        ("DELETE", "/v1/users//gdpr", 422),
        ("PUT", "/v1/items/7/", 422),
        ("PATCH", "/v1/items/7/", 422),
        ("DELETE", "/v1/items/7/", 422),
        ("DELETE", "/v1/users/gdpr%2F", 503),  # an id that ends with a slash; there is no Kafka
        ("GET", "/v1/users/7/recommendations/", 404),
        ("GET", "/v1/users/7/history/", 404),
    ],
)
def test_an_extra_slash_in_the_path_does_not_name_another_user(
    api: Client, method: str, path: str, status: int
) -> None:
    async def scenario() -> None:
        async with api(kafka_timeout_seconds=0.2) as client:
            body = {} if method in ("PUT", "PATCH") else None
            answer = await client.request(method, path, json=body)
            assert answer.status_code == status, answer.text

    asyncio.run(scenario())
