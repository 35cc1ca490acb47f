"""Refusals and bounds of the API: a test for each item of the OWASP API Security Top 10 that applies."""

from __future__ import annotations

import ast
import asyncio
import io
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
import redis

import serving
from clients.json_logs import JsonLines
from contracts.settings import ServingSettings
from contracts.stored import keyspace
from serving.app import create_app
from serving.telemetry.logs import request_context
from tests.serving.conftest import Client, ServedApi
from tests.serving.world import World

HOSTILE = [
    "*",
    "ann:history:bob",
    "{0}:history:ann",
    "../../../etc/passwd",
    "..%2f..%2fv1%2frules",
    "a\r\nX-Injected: 1",
    "'; DROP TABLE users; --",
    "$(reboot)",
    "<script>alert(1)</script>",
    "*3\r\n$3\r\nSET",
    '{"$gt": ""}',
    "\u202egnp.exe",
    "ann\u0000",
    "hw:model:current",
    "𝕒𝕟𝕟",
    "%n%s%x",
]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_an_id_cannot_name_anything_but_its_own_data(redis_url: str, api: Client, hostile: str) -> None:
    """API1, API8 injection: ids are data for Redis, paths, headers and JSON."""
    World().write(redis_url)
    client_of_test = redis.Redis.from_url(redis_url)
    before = {key: client_of_test.dump(key) for key in client_of_test.scan_iter()}

    async def scenario() -> None:
        async with api(redis_url) as client:
            for path in ("recommendations", "history", "because", "similar"):
                response = await client.get(f"/v1/users/{quote(hostile, safe='')}/{path}")
                assert response.status_code in (200, 422), response.text
                assert "x-injected" not in response.headers
                if response.status_code == 200:
                    answer = response.json()
                    assert answer["user_id"] == hostile
                    assert answer.get("known_items", 0) == 0
            similar = await client.get(f"/v1/items/{quote(hostile, safe='')}/similar")
            assert similar.status_code in (404, 422)
            for name in ("filter", "exclude", "fields", "after"):
                response = await client.get("/v1/users/ann/recommendations", params={name: hostile})
                assert response.status_code in (200, 422)
            popular = await client.get("/v1/popular", params={"category": hostile})
            assert popular.json()["items"] == []

    asyncio.run(scenario())
    assert {key: client_of_test.dump(key) for key in client_of_test.scan_iter()} == before
    client_of_test.close()


def test_a_hostile_category_cannot_name_another_redis_key(redis_url: str, api: Client) -> None:
    client_of_test = redis.Redis.from_url(redis_url)
    client_of_test.set(keyspace.popular_in("text"), "not a list")

    async def scenario() -> None:
        async with api(redis_url) as client:
            response = await client.get("/v1/popular", params={"category": "text"})
            assert response.status_code == 503
            assert "WRONGTYPE" not in response.text

    asyncio.run(scenario())
    client_of_test.close()


def test_a_key_gives_no_access_beyond_its_scope(api: Client) -> None:
    """API2, API5: authentication and function level authorisation."""

    async def scenario() -> None:
        async with api(read_api_key="r", api_key="w", admin_api_key="a") as client:
            document = (await client.get("/openapi.json")).json()
            for path, operations in document["paths"].items():
                for method in operations:
                    is_open = path in ("/livez", "/readyz", "/metrics", "/v1/model")
                    response = await client.request(method, path.replace("{", "x").replace("}", ""))
                    assert (response.status_code == 401) is not is_open, (method, path, response.status_code)

    asyncio.run(scenario())


def test_fields_that_are_not_documented_are_refused(api: Client) -> None:
    """API3, mass assignment."""

    async def scenario() -> None:
        async with api() as client:
            event = {"event_type": "view", "user_id": "u", "item_id": "i", "is_admin": True}
            assert (await client.post("/v1/events", json=event)).status_code == 422
            assert (await client.put("/v1/rules", json={"deny": [], "owner": "me"})).status_code == 422
            session = {"items": [{"item_id": "i", "weight": 1e9}]}
            assert (await client.post("/v1/recommendations", json=session)).status_code == 422

    asyncio.run(scenario())


def test_every_number_and_list_is_bounded(api: Client) -> None:
    """API4, resources."""

    async def scenario() -> None:
        async with api() as client:
            for query in ({"n": 10**9}, {"offset": 10**9}, {"per_category": 10**9}, {"wait_ms": 10**9}):
                assert (await client.get("/v1/users/u/recommendations", params=query)).status_code == 422
            nested = "(" * 500
            response = await client.get("/v1/users/u/recommendations", params={"filter": nested})
            assert response.status_code == 422
            deep = "[" * 100_000
            headers = {"Content-Type": "application/json"}
            for path in ("/v1/events", "/v1/recommendations"):
                response = await client.post(path, content=deep, headers=headers)
                assert response.status_code in (400, 422)

    asyncio.run(scenario())


def test_the_rate_limit_bounds_a_flood_of_events_by_one_user(api: Client) -> None:
    """API6, business flows: a bot can post events only at the rate.

    Repeated events count once, because the state keeps one last writer per user, item and type
    (tests/streaming/state/test_apply.py).
    """

    async def scenario() -> None:
        async with api(rate_limit_per_second=0.01, rate_limit_burst=3) as client:
            event = {"event_type": "click", "user_id": "bot", "item_id": "i"}
            answers = [await client.post("/v1/events", json=event) for _ in range(6)]
            assert [answer.status_code for answer in answers][-3:] == [429] * 3
            assert answers[-1].headers["retry-after"] == "1"
            refused = (await client.get("/metrics")).text
            assert 'headwater_api_refused_requests_total{reason="rate"} 3.0' in refused

    asyncio.run(scenario())


def test_the_api_never_fetches_an_address_that_a_client_names() -> None:
    """API7, server-side request forgery: the API imports no HTTP client."""
    imported = set()
    for source in Path(serving.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module)
    assert not imported & {"httpx", "requests", "aiohttp", "urllib3", "urllib.request", "http.client"}


def test_every_route_has_one_version_and_is_in_the_openapi_document() -> None:
    """API9, inventory: routes outside of the document are probes, pages, or the document itself."""
    app = create_app(ServingSettings())
    documented = set(app.openapi()["paths"])
    assert {path for path in documented if not path.startswith("/v1/")} == {"/livez", "/readyz", "/metrics"}
    # Included routers have no path; all their routes are documented, except for one.
    beside = {str(getattr(route, "path_format", "")) for route in app.routes} - {""}
    assert beside == {"/openapi.json", "/docs", "/docs/assets/{path}", "/", "/page/{path}"}


def test_other_origins_are_not_allowed_and_content_types_are_not_guessed(api: Client) -> None:
    """API8, misconfiguration."""

    async def scenario() -> None:
        async with api() as client:
            for path in ("/v1/users/u/recommendations", "/v1/popular", "/nothing", "/v1/users/u/history"):
                response = await client.get(path, headers={"Origin": "https://evil.example"})
                assert not [name for name in response.headers if name.startswith("access-control")]
                assert response.headers["x-content-type-options"] == "nosniff"
                assert "server" not in response.headers

    asyncio.run(scenario())


@pytest.mark.servers
def test_no_answer_or_log_shows_a_secret(start_api: Callable[..., ServedApi]) -> None:
    api = start_api(redis_url="redis://:hunter2@127.0.0.1:1/0", api_key="hunter3")
    texts = [
        httpx.get(f"{api.url}{path}").text for path in ("/readyz", "/metrics", "/openapi.json", "/v1/model")
    ]
    texts += [api.log.read_text(), repr(ServingSettings.model_validate({"api_key": "hunter3"}))]
    assert not [text for text in texts if "hunter" in text]


# What splits text into lines, for a terminal, for `str.splitlines` or for a log shipper.
LINE_BREAKS = "\r\n\n\x0b\x0c\x1c\x85\u2028\u2029"


def test_a_line_break_from_a_client_cannot_forge_a_log_line(
    api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """API10, log injection: a defect whose exception quotes the client's text writes it into the log."""
    forged = LINE_BREAKS.join(["", '{"level": "forged"}', ""])

    def quote_it(token: str) -> None:
        raise RuntimeError(f"cannot read {token}")

    async def scenario() -> int:
        async with api() as client:
            return (await client.get("/v1/users/u/recommendations", params={"after": forged})).status_code

    monkeypatch.setattr("serving.lists.user_list.decode_token", quote_it)
    written = io.StringIO()
    target = logging.StreamHandler(written)
    target.setFormatter(JsonLines(request_context))
    logging.getLogger("serving").addHandler(target)
    try:
        assert asyncio.run(scenario()) == 500
    finally:
        logging.getLogger("serving").removeHandler(target)
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    assert "forged" not in {line["level"] for line in lines}
    (line,) = [line for line in lines if "trace" in line]
    assert forged in line["trace"]


@pytest.mark.servers
def test_an_exploration_is_one_log_line_whatever_the_client_sends(
    redis_url: str, start_api: Callable[..., ServedApi]
) -> None:
    """The same in a whole process: a user's id, which may hold U+2028, is not in the log of explorations."""
    world = World()
    world.newest = {"i20": int(time.time() * 1000) - 1000}
    world.write(redis_url)
    api = start_api(redis_url=redis_url, redis_timeout_seconds=5, explore_slots=1)
    hostile = 'a\u2028{"level": "forged"}\u2029"\\'
    answer = httpx.get(f"{api.url}/v1/users/{quote(hostile, safe='')}/recommendations")
    assert answer.json()["user_id"] == hostile
    lines = [json.loads(line) for line in api.log.read_text().splitlines()]
    assert "forged" not in {line["level"] for line in lines}
    (drawn,) = [line for line in lines if line["logger"] == "headwater.exploration"]
    assert json.loads(drawn["message"])["explored"]
    assert "forged" not in api.log.read_text()
