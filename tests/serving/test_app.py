"""The other routes, over a real Redis."""

from __future__ import annotations

import asyncio

from tests.serving.conftest import Client


def test_without_redis_routes_without_a_fallback_are_a_503_with_retry_after(api: Client) -> None:
    async def scenario() -> None:
        async with api() as client:
            for path in ("/v1/users/ann/history", "/v1/items/i/users", "/v1/model", "/readyz"):
                response = await client.get(path)
                assert response.status_code == 503, path
                assert response.headers["content-type"] == "application/problem+json"
                assert response.headers["retry-after"] == "1"
            assert (await client.get("/livez")).status_code == 200

    asyncio.run(scenario())
