"""Answers as bytes, over a real Redis."""

from __future__ import annotations

import asyncio

from tests.serving.conftest import Client
from tests.serving.requests import ANN
from tests.serving.world import labelled_world


def test_an_answer_holds_only_the_requested_fields(redis_url: str, api: Client) -> None:
    labelled_world().write(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client:
            answer = (await client.get(ANN, params={"fields": "item_id,score", "n": 1})).json()
            assert answer["items"] == [{"item_id": "i10", "score": 0.8}]
            assert answer["model_version"] == "v1"
            assert (await client.get(ANN, params={"fields": "item_id,secret"})).status_code == 422

    asyncio.run(scenario())


def test_an_answer_that_the_client_already_has_is_a_304(redis_url: str, api: Client) -> None:
    made = labelled_world()
    made.online_through = 1
    made.write(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client:
            first = await client.get(ANN)
            same = await client.get(ANN, headers={"If-None-Match": first.headers["etag"]})
            assert (same.status_code, same.content) == (304, b"")
            assert same.headers["etag"] == first.headers["etag"]
            other = await client.get(ANN, params={"n": 3}, headers={"If-None-Match": first.headers["etag"]})
            assert other.status_code == 200

    asyncio.run(scenario())
