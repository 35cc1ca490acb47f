from __future__ import annotations

import asyncio

import pytest

from tests.serving.conftest import Client

GOOD = {"event_type": "view", "user_id": "u", "item_id": "i"}


def test_with_a_key_set_writes_need_it_and_reads_do_not(api: Client) -> None:
    async def scenario() -> None:
        async with api(api_key="s3cret-é") as client:
            for headers in ({}, {"X-API-Key": "wrong"}, {"X-API-Key": ""}, {b"X-API-Key": b"\xff"}):
                response = await client.post("/v1/events", json=GOOD, headers=headers)  # type: ignore[arg-type]
                assert response.status_code == 401
                assert response.headers["content-type"] == "application/problem+json"
                assert "X-API-Key" in response.headers["www-authenticate"]
            right = await client.post("/v1/events", json=GOOD, headers={b"X-API-Key": "s3cret-é".encode()})
            assert right.status_code == 503  # Kafka is down here; the key was right
            assert (await client.get("/v1/popular")).status_code == 200
            document = (await client.get("/openapi.json")).json()
        assert document["paths"]["/v1/events"]["post"]["security"] == [{"APIKeyHeader": []}]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("keys", "opens"),
    [
        ({}, {None: "rwa"}),
        ({"api_key": "w"}, {None: "r", "w": "rwa", "x": "r"}),
        ({"admin_api_key": "a"}, {None: "rw", "a": "rwa"}),
        (
            {"read_api_key": "r", "api_key": "w", "admin_api_key": "a"},
            {None: "", "r": "r", "w": "rw", "a": "rwa", "x": ""},
        ),
    ],
)
def test_a_key_gives_access_to_its_scope_and_to_narrower_ones(
    api: Client, keys: dict[str, str], opens: dict[str | None, str]
) -> None:
    async def scenario() -> None:
        async with api(**keys) as client:
            for key, scopes in opens.items():
                headers = {"X-API-Key": key} if key else {}
                answers = {
                    "r": await client.get("/v1/popular", headers=headers),
                    "w": await client.post("/v1/events", json=GOOD, headers=headers),
                    "a": await client.get("/v1/rules", headers=headers),
                }
                assert {s for s, answer in answers.items() if answer.status_code != 401} == set(scopes), key

    asyncio.run(scenario())


def test_without_a_key_anyone_may_write(api: Client) -> None:
    async def scenario() -> None:
        async with api() as client:
            assert (await client.post("/v1/events", json=GOOD)).status_code == 503
            assert "security" not in (await client.get("/openapi.json")).json()["paths"]["/v1/events"]["post"]

    asyncio.run(scenario())
