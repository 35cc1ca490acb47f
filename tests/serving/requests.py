"""Requests that several tests send to the API."""

from __future__ import annotations

from typing import Any

import httpx

ANN = "/v1/users/ann/recommendations"


async def ids(client: httpx.AsyncClient, path: str = ANN, **query: Any) -> list[str]:
    response = await client.get(path, params={"n": 5, **query})
    assert response.status_code == 200, response.text
    return [item["item_id"] for item in response.json()["items"]]


async def post(client: httpx.AsyncClient, items: list[dict[str, Any]], **query: Any) -> dict[str, Any]:
    response = await client.post("/v1/recommendations", json={"items": items}, params=query)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def likes(*items: str) -> list[dict[str, Any]]:
    return [{"item_id": item} for item in items]
