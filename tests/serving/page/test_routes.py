"""The page's own routes and its picture, over a real Redis."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import httpx

from serving.page.now import SHOWN, buckets, values
from serving.page.search import MAX_FOUND
from serving.telemetry.metrics import Metrics
from tests.serving.conftest import Client, ServedApi
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


def test_the_picture_names_the_model_and_the_lists_and_a_stop_does_not_wait_for_pages(
    redis_url: str, served: Callable[..., ServedApi]
) -> None:
    labelled_world().write(redis_url)
    api = served(redis_url=redis_url)
    with httpx.Client(base_url=api.url, timeout=20) as client:
        found = first_picture(client)
        assert (found["redis"], found["model_version"]) == ("ok", "v1")
        assert isinstance(found["popular"], list)
        assert len(found["popular"]) == SHOWN
        with client.stream("GET", "/page/stream") as open_page:
            lines = open_page.iter_lines()
            next(lines)
            api.process.terminate()
            api.process.wait(20)
    assert "graceful" not in api.log.read_text()


def test_an_item_is_found_by_title_in_any_case_and_titles_by_id(redis_url: str, api: Client) -> None:
    labelled_world().write(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client:
            found = (await client.get("/page/search", params={"q": "tITLE I07"})).json()
            everything = (await client.get("/page/search")).json()
            titles = (await client.get("/page/titles", params={"item_id": ["i07", "<b>"]})).json()
        assert found["items"] == [{"item_id": "i07", "title": "Title i07", "categories": ["Comedy"]}]
        assert everything["looked_at"] == len(everything["items"]) == 30 <= MAX_FOUND
        assert titles == {"i07": "Title i07", "<b>": None}

    asyncio.run(scenario())


def test_the_pages_routes_need_the_key_that_reads_and_the_files_do_not(api: Client) -> None:
    async def scenario() -> None:
        async with api(read_api_key="reader", api_key="writer") as client:
            paths = ("/page/stream", "/page/search", "/page/titles?item_id=i")
            assert [(await client.get(path)).status_code for path in paths] == [401, 401, 401]
            known = {"X-API-Key": "reader"}
            assert (await client.get("/page/search", headers=known)).status_code == 200
            assert (await client.get("/")).status_code == 200

    asyncio.run(scenario())


def test_figures_have_no_prefix_and_buckets_are_not_cumulated() -> None:
    metrics = Metrics()
    metrics.events.labels("accepted").inc(3)
    for seconds in (0.05, 0.2, 0.2, 7200.0):
        metrics.freshness.observe(seconds)
    assert values(metrics.events) == {"api_events_total.accepted": 3.0}
    counts = dict(buckets(metrics.freshness))
    assert (counts[0.1], counts[0.25], counts[0.5], counts[None]) == (1, 2, 0, 1)
