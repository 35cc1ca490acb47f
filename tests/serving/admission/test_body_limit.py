from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from serving.admission.body_limit import BodyLimit


async def reads_all(scope: Scope, receive: Receive, send: Send) -> None:
    body = await Request(scope, receive).body()
    await Response(str(len(body)))(scope, receive, send)


@pytest.mark.parametrize(("size", "status"), [(0, 200), (100, 200), (101, 413)])
def test_a_body_of_exactly_the_limit_is_accepted(size: int, status: int) -> None:
    async def scenario() -> int:
        transport = httpx.ASGITransport(BodyLimit(reads_all, 100))
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            return (await client.post("/", content=bytes(size))).status_code

    assert asyncio.run(scenario()) == status


@pytest.mark.parametrize("length", ["", "-1", "many", "٣", "9" * 5000])
def test_a_malformed_content_length_does_not_disable_the_limit(length: str) -> None:
    async def scenario() -> int:
        transport = httpx.ASGITransport(BodyLimit(reads_all, 100))
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            headers = [(b"content-length", length.encode("utf-8"))]
            return (await client.post("/", content=b"x", headers=headers)).status_code

    assert asyncio.run(scenario()) in (200, 413)
