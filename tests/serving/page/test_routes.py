"""The page's own routes and its picture, over a real Redis."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable

import httpx
import jwt
import redis

from contracts.stored import keyspace, records
from contracts.stored.pointer import audit_line
from serving.page.now import SHOWN, buckets, values
from serving.page.search import MAX_FOUND
from serving.telemetry.metrics import Metrics
from tests.serving.conftest import Client, ServedApi, wait_for
from tests.serving.world import labelled_world


def first_picture(client: httpx.Client, **headers: str) -> dict[str, object]:
    """The first event of a new stream."""
    with client.stream("GET", "/page/stream", headers=headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        for line in response.iter_lines():
            if line.startswith("data: "):
                found: dict[str, object] = json.loads(line.removeprefix("data: "))
                return found
    raise AssertionError("the stream ended without a picture")


def test_the_picture_names_the_model_and_the_lists_and_a_stop_does_not_wait_for_open_pages(
    redis_url: str, start_api: Callable[..., ServedApi]
) -> None:
    labelled_world().write(redis_url)
    api = start_api(redis_url=redis_url, redis_timeout_seconds=5)  # the machine may be busy
    with httpx.Client(base_url=api.url, timeout=20) as client:
        wait_for(lambda: client.get("/readyz").json().get("popular_items") == 30)
        found = first_picture(client)
        assert (found["redis"], found["model_version"]) == ("ok", "v1")
        assert isinstance(found["popular"], list)
        assert len(found["popular"]) == SHOWN
        # One is hidden, one has expired.
        assert not {"i02", "i03"} & {item["item_id"] for item in found["popular"]}
        with client.stream("GET", "/page/stream") as open_page:
            lines = open_page.iter_lines()
            next(lines)
            api.process.terminate()
            api.process.wait(20)
    assert "graceful" not in api.log.read_text()


def test_items_are_found_by_title_in_any_case_and_their_facts_by_id(redis_url: str, api: Client) -> None:
    labelled_world().write(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client:
            found = (await client.get("/page/search", params={"q": "tITLE I07"})).json()
            everything = (await client.get("/page/search")).json()
            facts = (await client.get("/page/items", params={"item_id": ["i07", "<b>"]})).json()
        known = {"title": "Title i07", "categories": ["Comedy"], "year": "1997"}
        assert found["items"] == [{**known, "item_id": "i07", "attributes": {"year": "1997"}}]
        assert everything["looked_at"] == 30 <= MAX_FOUND
        assert len(everything["items"]) == 28  # one is hidden, one has expired
        assert facts == {"i07": known, "<b>": {"title": None, "categories": [], "year": None}}

    asyncio.run(scenario())


def test_an_item_without_an_interaction_is_found_too(redis_url: str, api: Client) -> None:
    labelled_world().write(redis_url)
    client = redis.Redis.from_url(redis_url)
    entry = {"kind": "item", "id": "new", "title": "Nobody knows it", "updated_at": 1}
    client.hset(keyspace.CATALOG_ITEMS, "new", records.encode_catalog(1, json.dumps(entry)))
    client.close()

    async def scenario() -> None:
        async with api(redis_url) as asked:
            found = (await asked.get("/page/search", params={"q": "nobody"})).json()
        assert [item["item_id"] for item in found["items"]] == ["new"]
        assert found["looked_at"] == 31

    asyncio.run(scenario())


def test_without_redis_a_search_uses_the_titles_in_memory(api: Client) -> None:
    async def scenario() -> None:
        async with api() as client:
            assert (await client.get("/page/search")).json() == {"items": [], "looked_at": 0}

    asyncio.run(scenario())


def test_two_versions_of_a_list_stand_side_by_side(redis_url: str, api: Client) -> None:
    world = labelled_world()
    world.write(redis_url)
    world.top["ann"] = [("i11", 0.9), ("i10", 0.8)]
    client = redis.Redis.from_url(redis_url)
    world.write_model(client, "v2", reverse=True)
    client.zadd(keyspace.MODEL_VERSIONS, {"v1": 1, "v2": 2})
    client.close()

    async def scenario() -> None:
        async with api(redis_url) as asked:
            assert (await asked.get("/page/versions")).json() == ["v2", "v1"]
            question = {"left": "v1", "right": "v2"}
            compared = (await asked.get("/page/users/ann/compare", params=question)).json()
            unknown = (await asked.get("/page/users/nobody/compare", params=question)).json()
            missing = await asked.get("/page/users/ann/compare", params={"left": "v1", "right": "v9"})
        ranks = [
            [(item["item_id"], item["rank"], item["rank_in_other"]) for item in each["items"]]
            for each in compared["lists"]
        ]
        assert ranks == [[("i00", 1, None), ("i10", 2, 2), ("i11", 3, 1)], [("i11", 1, 3), ("i10", 2, 2)]]
        assert [each["items"] for each in unknown["lists"]] == [[], []]
        assert missing.status_code == 404
        assert "it holds v2, v1" in missing.json()["detail"]

    asyncio.run(scenario())


def test_a_versions_manifest_and_the_newest_decisions_are_read(redis_url: str, api: Client) -> None:
    labelled_world().write(redis_url)
    client = redis.Redis.from_url(redis_url)
    for number in range(30):
        client.rpush(keyspace.MODEL_AUDIT, audit_line("ann", "refuse", "v1", f"v{number}", "worse").encode())
    client.close()

    async def scenario() -> None:
        async with api(redis_url) as asked:
            assert (await asked.get("/page/versions/v1")).json()["version"] == "v1"
            assert (await asked.get("/page/versions/v9")).status_code == 404
            lines = (await asked.get("/page/decisions")).json()
        assert [line["to"] for line in lines] == [f"v{number}" for number in range(29, 9, -1)]
        assert (lines[0]["action"], lines[0]["reason"]) == ("refuse", "worse")

    asyncio.run(scenario())


def test_the_pages_routes_need_the_key_that_reads_and_the_files_do_not(api: Client) -> None:
    async def scenario() -> None:
        async with api(read_api_key="reader", api_key="writer") as client:
            paths = ("/page/stream", "/page/search", "/page/items?item_id=i")
            assert [(await client.get(path)).status_code for path in paths] == [401, 401, 401]
            known = {"X-API-Key": "reader"}
            assert (await client.get("/page/search", headers=known)).status_code == 200
            assert (await client.get("/")).status_code == 200

    asyncio.run(scenario())


def test_with_user_tokens_a_user_cannot_compare_the_lists_of_another(api: Client) -> None:
    key = "a key of thirty-two characters..."
    token = jwt.encode({"sub": "ann", "exp": time.time() + 60}, key, "HS256")

    async def scenario() -> None:
        async with api(subject_key=key, api_key="writer") as client:
            question = {"left": "v1", "right": "v2"}
            anybody = await client.get("/page/users/bob/compare", params=question)
            bearer = {"Authorization": f"Bearer {token}"}
            other = await client.get("/page/users/bob/compare", params=question, headers=bearer)
        assert (anybody.status_code, other.status_code) == (401, 403)

    asyncio.run(scenario())


def test_the_pages_figures_have_no_prefix_and_their_buckets_are_not_cumulative() -> None:
    metrics = Metrics()
    metrics.events.labels("accepted").inc(3)
    for seconds in (0.05, 0.2, 0.2, 7200.0):
        metrics.freshness.observe(seconds)
    assert values(metrics.events) == {"api_events_total.accepted": 3.0}
    counts = dict(buckets(metrics.freshness))
    assert (counts[0.1], counts[0.25], counts[0.5], counts[None]) == (1, 2, 0, 1)
