"""A user's last event counts in the next answer, through the real API, broker and online query."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from tests.integration.flow import Flow
from tests.serving.conftest import serve, wait_for
from tests.streaming.model_in_redis import publish

ITEMS = [f"i{n}" for n in range(40)]
WRITES = 5


def test_an_answer_after_a_token_includes_the_event_and_says_so(flow: Flow, tmp_path: Path) -> None:
    settings = flow.settings
    publish(flow.client, "v1", ITEMS)
    flow.start()
    api = serve(
        tmp_path / "api.log",
        redis_url=settings.redis_url.get_secret_value(),
        redis_shards=settings.redis_shards,
        redis_timeout_seconds=5,
        kafka_bootstrap_servers=settings.kafka_bootstrap_servers,
        kafka_timeout_seconds=30,
    )
    with api as served, httpx.Client(base_url=served.url, timeout=60) as client:
        post(client, {"event_type": "like", "user_id": "ann", "item_id": "i0"})
        flow.wait_for(1)  # the first batch of a JVM takes longer than any answer waits
        # How far the query has come is reported at its next look, a fraction of a second later.
        wait_for(lambda: recommendations(client)["lag_ms"] is not None)

        known = {"i0"}
        for n in range(WRITES):
            answer = recommendations(client, n=10)
            first = answer["items"][0]["item_id"]
            assert first not in known
            token = post(client, {"event_type": "like", "user_id": "ann", "item_id": first})
            known.add(first)
            answer = until_fresh(client, token)
            assert not known & {item["item_id"] for item in answer["items"]}, n
            assert {item["source"] for item in answer["items"]} == {"fresh"}
            assert answer["model_version"] == "v1"
            assert answer["lag_ms"] >= 0
            assert answer["applied_through"] > 0

        flow.stop()  # no query applies the event: the wait ends, and the answer says that it is stale
        token = post(client, {"event_type": "like", "user_id": "ann", "item_id": "i39"})
        assert recommendations(client, after=token, wait_ms=200)["stale"]


def post(client: httpx.Client, event: dict[str, Any]) -> str:
    """Send an event; the token of its acknowledgement."""
    answer = client.post("/v1/events", json={"events": [event]})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["token"])


def recommendations(client: httpx.Client, **query: Any) -> dict[str, Any]:
    answer = client.get("/v1/users/ann/recommendations", params=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def until_fresh(client: httpx.Client, token: str) -> dict[str, Any]:
    """The answer after a token; a busy machine may need more than one wait."""
    for _ in range(30):
        answer = recommendations(client, after=token, wait_ms=10_000, n=10)
        if not answer["stale"]:
            return answer
    raise AssertionError("no answer held the event")
