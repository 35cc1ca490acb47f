"""Bodies of sessions, over a real Redis."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.serving.conftest import Client


@pytest.mark.parametrize(
    "body",
    [
        {"items": []},
        {"items": [{"item_id": ""}]},
        {"items": [{"item_id": "a", "rating": 6}]},
        {"items": [{"item_id": "a", "event_type": "retract"}]},
        {"items": [{"item_id": "a"}], "user_id": "ann"},
        {"items": [{"item_id": str(i)} for i in range(1001)]},
    ],
)
def test_a_bad_session_is_refused(api: Client, body: dict[str, Any]) -> None:
    async def scenario() -> None:
        async with api() as client:
            assert (await client.post("/v1/recommendations", json=body)).status_code == 422

    asyncio.run(scenario())
