from __future__ import annotations

import asyncio
import json
import logging
import re

import httpx
import pytest

from clients.json_logs import JsonLines
from serving.app import create_app
from serving.telemetry.logs import request_context
from serving.telemetry.request_id import request_id
from tests.serving.conftest import Client, settings_of


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("a-1.B_2", True), ("", False), ("x" * 65, False), ('a"b', False), ("a b", False), ("é", False)],
)
def test_an_answer_about_a_fault_and_its_log_line_have_the_same_id(
    api: Client, sent: str, kept: bool
) -> None:
    lines: list[dict[str, object]] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(json.loads(JsonLines(request_context).format(record)))

    async def scenario() -> httpx.Response:
        async with api() as client:
            event = {"event_type": "view", "user_id": "u", "item_id": "i"}
            event["event_id"] = "00000000-0000-4000-8000-000000000001"
            return await client.post(
                "/v1/events", json=event, headers={b"X-Request-ID": sent.encode("latin-1")}
            )

    keeping = Keeping()
    logging.getLogger("serving").addHandler(keeping)
    try:
        answer = asyncio.run(scenario())
    finally:
        logging.getLogger("serving").removeHandler(keeping)
    assert answer.status_code == 503
    told = answer.headers["x-request-id"]
    assert (told == sent) is kept
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", told)
    about = [line for line in lines if "event_ids" in line]
    assert [(line["request_id"], line["event_ids"]) for line in about] == [
        (told, ["00000000-0000-4000-8000-000000000001"])
    ]


def test_requests_at_the_same_time_keep_their_own_ids() -> None:
    async def scenario() -> None:
        app = create_app(settings_of())
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            ids = [f"id-{number}" for number in range(20)]
            answers = await asyncio.gather(
                *(client.get("/v1/users/u/history", headers={"X-Request-ID": each}) for each in ids)
            )
        assert [answer.headers["x-request-id"] for answer in answers] == ids

    asyncio.run(scenario())
    assert request_id() is None
