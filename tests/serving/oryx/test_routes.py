"""Oryx's calls as its documentation writes them, against the real API over a real Redis; Kafka is a list."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import httpx
import pytest

from contracts.topics import INTERACTIONS, Topic
from serving.writes.event_log import Entry, EventLog
from tests.serving.conftest import Client
from tests.serving.world import factor_world

KEY = {"X-API-Key": "secret"}
AS_JSON = {"Accept": "application/json"}


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []

    async def append(_: EventLog, entries: Sequence[Entry], topic: Topic = INTERACTIONS) -> dict[int, int]:
        events.extend(json.loads(entry.to_json()) for entry in entries)
        return {0: len(events)}

    monkeypatch.setattr(EventLog, "append", append)
    return events


def _ask(
    api: Client, redis_url: str, ask: Callable[[httpx.AsyncClient], Awaitable[None]], **settings: object
) -> None:
    async def scenario() -> None:
        async with api(redis_url, api_key="secret", **{"oryx_routes": True, **settings}) as client:
            await ask(client)

    factor_world().write(redis_url)
    asyncio.run(scenario())


def test_lists_are_given_as_csv_lines_or_as_json(api: Client, redis_url: str) -> None:
    async def ask(client: httpx.AsyncClient) -> None:
        ours = (await client.get("/v1/users/ann/recommendations?n=2&exposure=false&known=skip")).json()
        pairs = [(item["item_id"], item["score"]) for item in ours["items"]]
        listed = await client.get("/recommend/ann?howMany=2")
        assert listed.text == "".join(f"{item_id},{score}\n" for item_id, score in pairs)
        listed = await client.get("/recommend/ann?howMany=2", headers=AS_JSON)
        assert listed.json() == [{"id": item_id, "value": score} for item_id, score in pairs]
        known = (await client.get("/recommend/ann?considerKnownItems=true", headers=AS_JSON)).json()
        assert "i00" in {item["id"] for item in known}
        near = (await client.get("/similarity/i00?howMany=2", headers=AS_JSON)).json()
        assert [item["id"] for item in near] == ["i01", "i02"]
        assert (await client.get("/similarity/nobody")).status_code == 404
        assert set((await client.get("/knownItems/ann")).text.split()) == {"i00", "i01"}
        assert len((await client.get("/mostPopularItems?howMany=3")).text.splitlines()) == 3
        estimates = (await client.get("/estimate/ann/i03/nothing", headers=AS_JSON)).json()
        assert estimates[0] != 0
        assert estimates[1] == 0
        assert (await client.get("/recommend/ann?howmany=2")).status_code == 422

    _ask(api, redis_url, ask)


def test_preferences_become_events(api: Client, redis_url: str, log: list[dict[str, Any]]) -> None:
    async def ask(client: httpx.AsyncClient) -> None:
        assert (await client.post("/pref/bob/i1", headers=KEY)).status_code == 204
        assert (await client.delete("/pref/bob/i1", headers=KEY)).status_code == 204
        lines = 'bob,"i,2"\nbob,i3,,1700000000000\n\nbob,i4,1.0\n'
        assert (await client.post("/ingest", content=lines, headers=KEY)).status_code == 204
        assert [(each["event_type"], each["item_id"]) for each in log] == [
            ("like", "i1"),
            ("retract", "i1"),
            ("like", "i,2"),
            ("retract", "i3"),
            ("like", "i4"),
        ]
        assert log[3]["event_time"] == 1_700_000_000_000
        assert (await client.post("/pref/bob/i1")).status_code == 401

    _ask(api, redis_url, ask)


def test_the_value_of_a_preference_counts_if_preferences_are_ratings(
    api: Client, redis_url: str, log: list[dict[str, Any]]
) -> None:
    async def ask(client: httpx.AsyncClient) -> None:
        assert (await client.post("/pref/bob/i1", content="4.5", headers=KEY)).status_code == 204
        assert (log[0]["event_type"], log[0]["value"]) == ("rating", 4.5)
        assert (await client.post("/pref/bob/i1", content="9", headers=KEY)).status_code == 422

    _ask(api, redis_url, ask, oryx_preference_type="rating")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("bob,i1,3", "ORYX_PREFERENCE_TYPE=rating"),
        ("bob,i1,many", "could not convert"),
        ("bob", "a line is user,item,strength,time"),
        ("bob,i1,1,1700000000", "before 1990"),
        (",i1", "user_id"),
        ("bob,i1\n" * 3, "At most 3"),
    ],
)
def test_a_body_with_an_invalid_line_is_refused_as_a_whole(
    line: str, words: str, api: Client, redis_url: str, log: list[dict[str, Any]]
) -> None:
    async def ask(client: httpx.AsyncClient) -> None:
        refused = await client.post("/ingest", content=f"bob,i0\n{line}\n", headers=KEY)
        assert refused.status_code == 422
        assert words in refused.text
        assert log == []

    _ask(api, redis_url, ask, max_events_per_request=3)


def test_the_routes_are_off_by_default(api: Client, redis_url: str) -> None:
    async def ask(client: httpx.AsyncClient) -> None:
        assert (await client.get("/recommend/ann")).status_code == 404

    _ask(api, redis_url, ask, oryx_routes=False)
