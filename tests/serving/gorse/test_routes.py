"""The calls of Gorse's public clients, as they send them, against the real API over a real Redis; Kafka is
replaced by a list."""

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
from tests.serving.world import World

KEY = {"X-API-Key": "secret"}
STAR = {"FeedbackType": "star", "UserId": "bob", "ItemId": "vuejs:vue", "Timestamp": "2022-02-24"}


class Log:
    """The records that were sent, by topic."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []

        async def append(
            _: EventLog, entries: Sequence[Entry], topic: Topic = INTERACTIONS
        ) -> dict[int, int]:
            self.sent += [(topic.name, json.loads(entry.to_json())) for entry in entries]
            return {0: len(self.sent)}

        monkeypatch.setattr(EventLog, "append", append)

    def take(self) -> list[dict[str, Any]]:
        sent, self.sent = self.sent, []
        return [record for _, record in sent]


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    return Log(monkeypatch)


def _ask(
    api: Client, redis_url: str, ask: Callable[[httpx.AsyncClient], Awaitable[None]], **settings: object
) -> None:
    async def scenario() -> None:
        async with api(redis_url, gorse_routes=True, api_key="secret", **settings) as client:
            await ask(client)

    asyncio.run(scenario())


def test_feedback_becomes_events_and_can_be_listed_and_deleted(api: Client, redis_url: str, log: Log) -> None:
    World(histories={"ann": ["i00"]}).write(redis_url)

    async def ask(client: httpx.AsyncClient) -> None:
        for method in ("POST", "PUT"):
            sent = await client.request(
                method, "/api/feedback", json=[STAR, {**STAR, "Value": 1}], headers=KEY
            )
            assert (sent.status_code, sent.json()) == (200, {"RowAffected": 2})
        events = log.take()
        assert {(e["event_type"], e["user_id"], e["item_id"], e["event_time"]) for e in events} == {
            ("like", "bob", "vuejs:vue", 1_645_660_800_000)
        }
        assert len({e["event_id"] for e in events}) == 1  # sent again, it counts once

        (known,) = (await client.get("/api/user/ann/feedback/rating")).json()
        assert (known["FeedbackType"], known["ItemId"], known["Value"]) == ("rating", "i00", 4.0)
        assert known["Timestamp"].startswith("1970-01-01T00:16:40")
        assert (await client.get("/api/user/ann/feedback/star")).json() == []
        assert len((await client.get("/api/user/ann/feedback")).json()) == 1

        gone = await client.delete("/api/feedback/star/ann/i00", headers=KEY)
        assert gone.json() == {"RowAffected": 0}
        gone = await client.delete("/api/feedback/rating/ann/i00", headers=KEY)
        assert gone.json() == {"RowAffected": 1}
        (event,) = log.take()
        assert (event["event_type"], event["user_id"], event["item_id"]) == ("retract", "ann", "i00")

    _ask(api, redis_url, ask)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"FeedbackType": "played"}, "GORSE_FEEDBACK_TYPES maps it"),
        ({"Timestamp": "yesterday"}, "/1"),
        ({"Timestamp": "1970-01-01"}, "before 1990"),
        ({"Value": 3}, "Value counts for rating only"),
        ({"FeedbackType": "rating"}, "a rating needs a value"),
        ({"ItemId": ""}, "/1"),
        ({"Weight": 2}, "Weight"),
    ],
)
def test_invalid_feedback_is_refused_as_a_whole(
    changes: dict[str, Any], words: str, api: Client, redis_url: str, log: Log
) -> None:
    async def ask(client: httpx.AsyncClient) -> None:
        refused = await client.post("/api/feedback", json=[STAR, {**STAR, **changes}], headers=KEY)
        assert refused.status_code == 422
        assert words in refused.text
        assert log.take() == []

    _ask(api, redis_url, ask)


@pytest.mark.parametrize(
    ("path", "row"),
    [("feedback", STAR), ("items", {"ItemId": "gorse"}), ("users", {"UserId": "bob"})],
)
def test_more_items_at_once_than_the_setting_allows_are_refused(
    path: str, row: dict[str, Any], api: Client, redis_url: str, log: Log
) -> None:
    async def ask(client: httpx.AsyncClient) -> None:
        sent = [(await client.post(f"/api/{path}", json=[row] * n, headers=KEY)).status_code for n in (2, 3)]
        assert sent == [200, 422]
        assert len(log.take()) == 2

    _ask(api, redis_url, ask, max_events_per_request=2)


def test_items_and_users_are_written_to_the_catalogue_and_read_back(
    api: Client, redis_url: str, log: Log
) -> None:
    World(categories={"i05": ["Drama"]}, attributes={"i05": {"year": "1990"}}).write(redis_url)
    item = {
        "ItemId": "gorse",
        "IsHidden": False,
        "Labels": {"topics": ["a", "b"]},
        "Categories": ["go"],
        "Timestamp": "2022-02-22",
        "Comment": "A recommender",
    }

    async def ask(client: httpx.AsyncClient) -> None:
        assert (await client.post("/api/item", json=item, headers=KEY)).json() == {"RowAffected": 1}
        (entry,) = log.take()
        assert (entry["id"], entry["title"], entry["categories"]) == ("gorse", "A recommender", ["go"])
        assert entry["attributes"] == {
            "topics": '["a", "b"]',
            "hidden": "false",
            "published_at": "2022-02-22",
        }
        assert (await client.get("/api/item/i05")).json() == {
            "ItemId": "i05",
            "IsHidden": False,
            "Categories": ["Drama"],
            "Timestamp": "",
            "Labels": {"year": "1990"},
            "Comment": "Title i05",
        }
        changes = {
            "IsHidden": None,
            "Categories": ["War"],
            "Labels": None,
            "Timestamp": None,
            "Comment": None,
        }
        await client.patch("/api/item/i05", json=changes, headers=KEY)
        (entry,) = log.take()
        assert (entry["title"], entry["categories"], entry["attributes"]) == (
            "Title i05",
            ["War"],
            {"year": "1990"},
        )
        await client.delete("/api/item/i05", headers=KEY)
        (entry,) = log.take()
        assert entry["attributes"] == {"year": "1990", "hidden": "true"}

        user = {"UserId": "bob", "Labels": {"company": "gorse"}, "Comment": "an engineer"}
        assert (await client.post("/api/users", json=[user], headers=KEY)).json() == {"RowAffected": 1}
        (entry,) = log.take()
        assert (entry["kind"], entry["id"], entry["attributes"]) == ("user", "bob", {"company": "gorse"})
        assert (await client.get("/api/user/nobody")).json()["Labels"] == {}
        assert (await client.delete("/api/user/bob", headers=KEY)).json() == {"RowAffected": 1}
        assert [entry["kind"] for entry in log.take()] == ["user", "erasure"]

    _ask(api, redis_url, ask)


def test_a_recommendation_is_the_ids_of_the_users_list(api: Client, redis_url: str) -> None:
    World(categories={"i10": ["Drama"], "i11": ["War"]}).write(redis_url)

    async def ask(client: httpx.AsyncClient) -> None:
        ours = (await client.get("/v1/users/ann/recommendations?n=3&exposure=false")).json()["items"]
        # The clients write a slash before the category, even if there is no category.
        theirs = await client.get("/api/recommend/ann/", params={"n": 3, "offset": 0}, headers=KEY)
        assert theirs.json() == [item["item_id"] for item in ours]
        assert (await client.get("/api/recommend/ann?n=3")).json() == theirs.json()
        # Newer clients ask for scores.
        scored = await client.get("/api/recommend/ann/?n=3", headers=KEY | {"X-API-Version": "2"})
        assert scored.json() == [{"Id": item["item_id"], "Score": item["score"]} for item in ours]
        similar = (await client.get("/v1/items/i00/similar?n=2&exposure=false")).json()["items"]
        near = (await client.get("/api/item/i00/neighbors?n=2")).json()
        assert near == [{"Id": item["item_id"], "Score": item["score"]} for item in similar]
        assert (await client.get("/api/item/nobody/neighbors")).json() == []
        assert (await client.get("/api/recommend/ann/War?n=3")).json() == ["i11"]
        unknown = await client.get("/api/recommend/ann/", params={"n": 3, "write-back-type": "read"})
        assert unknown.status_code == 422

    _ask(api, redis_url, ask)


def test_the_routes_are_off_by_default_and_need_the_key(api: Client, redis_url: str, log: Log) -> None:
    async def scenario() -> None:
        async with api(redis_url) as client:
            assert (await client.get("/api/recommend/ann/")).status_code == 404

    asyncio.run(scenario())

    async def ask(client: httpx.AsyncClient) -> None:
        assert (await client.post("/api/feedback", json=[STAR])).status_code == 401

    _ask(api, redis_url, ask)
