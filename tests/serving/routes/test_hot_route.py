"""The fast route and the documented one give the same answers."""

from __future__ import annotations

import asyncio
import re

import httpx
import pytest
from fastapi import FastAPI

from serving.app import create_app
from serving.routes.hot_route import Api, HotRoute
from tests.serving.conftest import Client, settings_of
from tests.serving.world import World

PATHS = [
    "/v1/users/ann/recommendations",
    "/v1/users/nobody/recommendations?n=3&offset=2&fields=score",
    "/v1/users/a%2Fb%20%C3%BC/recommendations?known=keep",
    "/v1/users/ann/recommendations?filter=category+%3D&n=3",
    "/v1/users/ann/recommendations?n=0&diversity=2",
    "/v1/users/ann/recommendations?after=nonsense",
    "/v1/users//recommendations",
    "/v1/users/a%00b/recommendations",
    f"/v1/users/{'x' * 129}/recommendations",
    "/v1/users/recommendations",
]


def routes_of(redis_url: str) -> tuple[Api, FastAPI]:
    short, long = create_app(settings_of(redis_url=redis_url)), create_app(settings_of(redis_url=redis_url))
    assert isinstance(short, Api)
    assert isinstance(short.hot_route, HotRoute)
    assert isinstance(long, Api)
    long.hot_route = None
    return short, long


@pytest.mark.parametrize("with_redis", [True, False])
def test_the_hot_route_and_the_full_route_give_equal_bytes_except_the_answers_id(
    redis_url: str, with_redis: bool
) -> None:
    World().write(redis_url)

    async def scenario() -> None:
        apps = routes_of(redis_url if with_redis else "redis://127.0.0.1:1/0")
        answers: list[list[tuple[int, object, bytes]]] = [[], []]
        texts = []
        for app, found in zip(apps, answers, strict=True):
            async with app.router.lifespan_context(app):
                transport = httpx.ASGITransport(app, raise_app_exceptions=False)
                async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
                    for path in PATHS:
                        response = await client.get(path)
                        # No two requests and no two answers have the same id.
                        changing = {"content-length", "x-request-id"}
                        headers = {k: v for k, v in response.headers.items() if k not in changing}
                        body = re.sub(rb'(?<="recommendation_id":")[\w-]{48}', b"", response.content)
                        found.append((response.status_code, headers, body))
                    texts.append((await client.get("/metrics")).text)
        assert answers[0] == answers[1]
        counts = [
            {line for line in re.findall(r"request_seconds_count{.*", text) if not line.endswith(" 0.0")}
            for text in texts
        ]
        assert counts[0] == counts[1]

    asyncio.run(scenario())


def test_the_hot_route_is_off_if_reading_needs_a_key() -> None:
    app = create_app(settings_of(read_api_key="secret"))
    assert isinstance(app, Api)
    assert app.hot_route is None


def test_an_unexpected_error_is_a_500_without_a_stack_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise KeyError("internal detail")

    async def scenario() -> None:
        app = create_app(settings_of())
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            monkeypatch.setattr("serving.answer.recommender.Recommender.best", fail)
            response = await client.get(PATHS[0])
            assert response.status_code == 500
            assert response.headers["content-type"] == "application/problem+json"
            assert "internal detail" not in response.text

    asyncio.run(scenario())


@pytest.mark.parametrize("path", ["/livez", "/readyz", PATHS[0], "/v1/popular", "/docs", "/"])
def test_head_gives_the_answer_of_get_without_the_body(redis_url: str, api: Client, path: str) -> None:
    World().write(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client:
            whole, head = await client.get(path), await client.head(path)
            assert (head.status_code, head.content) == (whole.status_code, b"")
            assert head.headers["content-type"] == whole.headers["content-type"]
            assert "content-length" in head.headers
            assert (await client.head("/v1/nothing")).status_code == 404
            assert (await client.head("/page/stream")).status_code == 404  # it has no end

    asyncio.run(scenario())
