"""Bad requests: every one gets problem+json, none a stack trace."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest

from tests.serving.conftest import Client
from tests.serving.world import World

FIELDS = {"type", "title", "status", "detail", "instance"}
IDS = [
    "*", "{}", "{0}:history:x", "hw:model:current",
    "../../etc/passwd", "a/b", "a//b", "%", "%2F", "?", "#", ";",
    "x/history", "' OR 1=1 --", "<script>", "$1\\r", "return redis.call('flushall')",
    "\u202eright-to-left", "日本",
    "🦊", '"', "`id`", "${jndi:x}", "a b", ".", "..", "x" * 128,
]  # fmt: skip
BAD_IDS = ["", "a\nb", "a\r\nFLUSHALL\r\n", "\x00", "a\x7f", "\x85", "x" * 129, "\t", " "]


@pytest.mark.parametrize("route", ["users/{}/recommendations", "users/{}/history"])
def test_unusual_characters_in_an_id_have_no_special_meaning(redis_url: str, api: Client, route: str) -> None:
    World().write(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client:
            for user_id in IDS:
                # Dots alone would be resolved by the client before they are sent.
                path = "/v1/" + route.format(quote(user_id, safe="").replace(".", "%2E"))
                response = await client.get(path)
                assert response.status_code == 200, (user_id, response.text)
                assert response.json()["user_id"] == user_id
            for user_id in BAD_IDS:
                response = await client.get("/v1/" + route.format(quote(user_id, safe="")))
                assert response.status_code == 422, user_id
                assert response.json()["errors"][0]["pointer"] == "/path/user_id"

    asyncio.run(scenario())


@pytest.mark.parametrize("n", ["0", "-1", "1001", "1000000000", "9" * 400, "ten", "1.5", "", "NaN"])
@pytest.mark.parametrize("path", ["/v1/popular", "/v1/users/u/recommendations", "/v1/items/i/similar"])
def test_n_out_of_bounds_is_a_422(api: Client, path: str, n: str) -> None:
    async def scenario() -> None:
        async with api() as client:
            response = await client.get(path, params={"n": n})
        assert response.status_code == 422
        problem = response.json()
        assert set(problem) >= FIELDS
        assert problem["errors"][0]["pointer"] == "/query/n"
        assert problem["errors"][0]["reason"]

    asyncio.run(scenario())


def test_a_wrong_route_or_method_is_a_problem(api: Client) -> None:
    async def scenario() -> None:
        async with api() as client:
            missing = await client.get("/v2/nothing\u2028")
            wrong = await client.delete("/v1/popular")
        assert (missing.status_code, wrong.status_code) == (404, 405)
        assert wrong.headers["allow"] == "GET"
        for response in (missing, wrong):
            assert response.headers["content-type"] == "application/problem+json"
            assert set(response.json()) >= FIELDS

    asyncio.run(scenario())


async def zeros(megabytes: int) -> AsyncIterator[bytes]:
    for _ in range(megabytes):
        yield bytes(1_000_000)


def test_a_body_over_the_limit_is_a_413_with_or_without_a_content_length(api: Client) -> None:
    async def scenario() -> None:
        async with api() as client:
            header = {"Content-Type": "application/json"}
            declared = await client.post("/v1/events", content=bytes(10_000_000), headers=header)
            chunked = await client.post("/v1/events", content=zeros(10), headers=header)
            elsewhere = await client.request("GET", "/v1/popular", content=bytes(10_000_000))
        for response in (declared, chunked, elsewhere):
            assert response.status_code == 413
            assert response.headers["content-type"] == "application/problem+json"
            assert set(response.json()) >= FIELDS

    asyncio.run(scenario())


GOOD = {"event_type": "view", "user_id": "u", "item_id": "i"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 422),
        (b"\xff\xfe", 422),
        (b"[" * 100_000, 422),
        (b'{"a":' * 100_000, 422),
        (b"1" * 10_000, 422),
        (b"[]", 422),
        (b"null", 422),
        (b"{}", 422),
        (b'{"events": []}', 422),
        (b'{"events": {}}', 422),
        (json.dumps({"events": [GOOD] * 1001}).encode(), 422),
        (json.dumps({"events": [GOOD], "more": 1}).encode(), 422),
        (json.dumps({"events": [{**GOOD, "value": float("nan")}]}).encode(), 422),
        (json.dumps({**GOOD, "event_time": 4_102_444_800_000}).encode(), 422),
        (json.dumps({**GOOD, "user_id": "x" * 1_500_000}).encode(), 422),
    ],
)
def test_a_body_without_an_acceptable_event_is_a_problem(api: Client, body: bytes, status: int) -> None:
    async def scenario() -> None:
        async with api() as client:
            response = await client.post(
                "/v1/events", content=body, headers={"Content-Type": "application/json"}
            )
        assert response.status_code == status
        problem = response.json()
        assert set(problem) >= FIELDS
        assert problem["errors"][0]["reason"]
        assert len(response.content) < 10_000

    asyncio.run(scenario())


def test_a_body_that_is_not_json_is_a_415_that_names_the_cure(api: Client) -> None:
    async def scenario() -> None:
        async with api() as client:
            form = await client.post("/v1/events", data=GOOD)
            bare = await client.post("/v1/events", content=json.dumps(GOOD))
        assert (form.status_code, bare.status_code) == (415, 415)
        assert "Content-Type: application/json" in form.json()["detail"]

    asyncio.run(scenario())


def test_an_unexpected_error_is_a_500_without_a_stack_trace(
    api: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: object) -> None:
        raise KeyError("internal detail")

    monkeypatch.setattr("serving.routes.users.read_history", fail)

    async def scenario() -> None:
        async with api() as client:
            response = await client.get("/v1/users/u/history")
            text = (await client.get("/metrics")).text
        assert response.status_code == 500
        assert set(response.json()) >= FIELDS
        assert "internal detail" not in response.text
        assert "internal detail" in caplog.text
        assert 'route="/v1/users/{user_id}/history",status="5xx"} 1.0' in text

    asyncio.run(scenario())
