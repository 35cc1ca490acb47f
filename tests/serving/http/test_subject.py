"""A token reads its own user, whatever the path (OWASP API1, object level authorisation)."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

import httpx
import jwt
import pytest

from serving.http.problems import ProblemError
from serving.http.subject import OF_OTHERS, subject_of
from tests.serving.conftest import Client, settings_of
from tests.serving.world import World

KEY = "k" * 32
USER_PATHS = [f"/v1/users/ann/{name}" for name in ("recommendations", "history", "because")]


def token(sub: object = "ann", key: str = KEY, algorithm: str = "HS256", **claims: object) -> str:
    payload: dict[str, Any] = {"sub": sub, "exp": time.time() + 60, **claims}
    return jwt.encode({k: v for k, v in payload.items() if v is not None}, key, algorithm)


def bearer(*args: Any, **claims: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(*args, **claims)}"}


@pytest.mark.parametrize(
    "bad",
    [
        token(key="x" * 32),
        token(exp=time.time() - 60),
        token(exp=None),
        token(sub=None),
        token(key="k" * 64, algorithm="HS512"),
        jwt.encode({"sub": "ann", "exp": time.time() + 60}, None, "none"),
        "",
        "a.b.c",
    ],
    # The tests are named here, because a token holds the time, and all test processes need the same names.
    ids=[
        "another key",
        "expired",
        "never expires",
        "no subject",
        "another algorithm",
        "not signed",
        "empty",
        "not a token",
    ],
)
def test_a_forged_or_expired_token_names_no_user(bad: str) -> None:
    key = settings_of(subject_key=KEY, api_key="w").subject_key
    assert key is not None
    assert subject_of(token(), key) == "ann"
    with pytest.raises(ProblemError, match="not valid") as caught:
        subject_of(bad, key)
    assert caught.value.status == 401
    assert KEY not in str(caught.value)


def test_a_token_gives_access_to_its_user_and_a_write_key_to_all_users(redis_url: str, api: Client) -> None:
    World(users={"ann": {"plan": "pro"}}).write(redis_url)

    async def status(client: httpx.AsyncClient, path: str, headers: dict[str, str]) -> int:
        if path.endswith("groups/recommendations"):
            return (await client.post(path, json={"user_ids": ["ann"]}, headers=headers)).status_code
        return (await client.get(path, headers=headers)).status_code

    async def scenario() -> None:
        async with api(redis_url, subject_key=KEY, api_key="writer", read_api_key="reader") as client:
            for path in USER_PATHS:
                assert await status(client, path, bearer()) == 200
                assert await status(client, path, bearer("bob")) == 403
                assert await status(client, path, {}) == 401
                assert await status(client, path, {"X-API-Key": "reader"}) == 401
                assert await status(client, path, bearer(key="x" * 32)) == 401
                assert await status(client, path, {"X-API-Key": "writer"}) == 200
            for template in OF_OTHERS:
                path = re.sub(r"{\w+}", lambda name: "i00" if name[0] == "{item_id}" else "ann", template)
                assert await status(client, path, bearer()) == 403
                assert await status(client, path, {"X-API-Key": "reader"}) == 401
                assert await status(client, path, {"X-API-Key": "writer"}) == 200
            for headers, expected in ((bearer(), 200), ({"X-API-Key": "reader"}, 200), ({}, 401)):
                assert await status(client, "/v1/popular", headers) == expected
                assert await status(client, "/v1/items/i00/similar", headers) == expected
            encoded = await client.get("/v1/users/%61nn/history", headers=bearer("bob"))
            assert encoded.status_code == 403
            document = (await client.get("/openapi.json")).json()
        assert "HTTPBearer" in document["components"]["securitySchemes"]

    asyncio.run(scenario())


def test_every_route_of_a_user_checks_whose_token_it_is(api: Client) -> None:
    async def scenario() -> None:
        async with api(subject_key=KEY, api_key="w") as client:
            document = (await client.get("/openapi.json")).json()
            for path in document["paths"]:
                if "{user_id}" in path:
                    answer = await client.get(path.format(user_id="ann"), headers=bearer("bob"))
                    assert answer.status_code in (401, 403, 405), path
            popular = await client.get("/v1/popular")
        assert popular.status_code == 200

    asyncio.run(scenario())


def test_settings_with_tokens_and_without_a_write_key_are_refused() -> None:
    with pytest.raises(ValueError, match="SUBJECT_KEY needs API_KEY"):
        settings_of(subject_key=KEY)
    with pytest.raises(ValueError, match="at least 32"):
        settings_of(subject_key="short", api_key="w")
