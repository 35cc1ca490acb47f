from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from tests.serving.conftest import Client
from tests.serving.world import World

OPTIONS: list[dict[str, Any]] = [
    {},
    {"n": 4, "offset": 3},
    {"filter": "category = Comedy"},
    {"diversity": 0.6, "per_category": 2, "freshness": 1},
    {"known": "keep", "exclude": ["i10"]},
]


def world() -> World:
    made = World()
    made.categories = {f"i{i:02}": ["Comedy" if i % 2 else "Drama"] for i in range(30)}
    made.attributes = {"i11": {"hidden": "true"}, "i13": {"published_at": "2026-01-01"}}
    return made


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("user", ["ann", "nobody"])
def test_the_ranks_of_the_trace_are_those_of_the_answer(
    redis_url: str, api: Client, options: dict[str, Any], user: str
) -> None:
    world().write(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client:
            answer = (await client.get(f"/v1/users/{user}/recommendations", params=options)).json()
            trace = (await client.get(f"/v1/debug/users/{user}/recommendations", params=options)).json()
        in_answer = [each for each in trace["candidates"] if each["rank"] is not None]
        assert [(each["item_id"], each["rank"], each["source"]) for each in in_answer] == [
            (item["item_id"], item["rank"], item["source"]) for item in answer["items"]
        ]
        assert all(each["removed_by"] is None for each in in_answer)

    asyncio.run(scenario())


class FirstOnes(Random):
    """Always draws the first items, so that two requests draw the same."""

    def sample(self, population: Sequence[Any], k: int, **_: Any) -> list[Any]:
        return list(population)[:k]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("slots", [0, 2])
def test_the_trace_agrees_with_the_answer_where_trending_leads_and_new_items_are_explored(
    redis_url: str, api: Client, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], slots: int
) -> None:
    monkeypatch.setattr("serving.answer.exploration.Random", FirstOnes)
    of_trending, now = world(), time.time()
    of_trending.leads = "trending"
    of_trending.trending = {86_400: {f"i{i}": now / 86_400 + i for i in range(17, 28)}}
    of_trending.newest = {"i29": int(now * 1000) - 1000, "i28": int(now * 1000) - 2000}
    of_trending.write(redis_url)

    async def scenario() -> None:
        async with api(redis_url, explore_slots=slots, redis_timeout_seconds=5) as client:
            path = "users/ann/recommendations"
            answer = (await client.get(f"/v1/{path}", params=options)).json()
            trace = (await client.get(f"/v1/debug/{path}", params=options)).json()
        ranks = {each["item_id"]: each["rank"] for each in trace["candidates"] if each["rank"] is not None}
        sources = {each["item_id"]: each["source"] for each in trace["candidates"]}
        assert [(item["item_id"], item["rank"]) for item in answer["items"]] == list(ranks.items())
        assert [item["source"] for item in answer["items"]] == [sources[item_id] for item_id in ranks]
        assert "trending" in {item["source"] for item in answer["items"]}
        assert ("explore" in {item["source"] for item in answer["items"]}) is (slots > 0)
        assert next(iter(trace["proposed"])) == "trending"

    asyncio.run(scenario())


def test_the_draw_of_a_trace_is_not_logged_because_nothing_is_shown(
    redis_url: str, api: Client, caplog: pytest.LogCaptureFixture
) -> None:
    of_new = world()
    of_new.newest = {"i20": int(time.time() * 1000) - 1000}
    of_new.write(redis_url)

    async def scenario() -> None:
        async with api(redis_url, explore_slots=1) as client:
            trace = (await client.get("/v1/debug/users/ann/recommendations", params={"n": 6})).json()
            assert "explore" in {each["source"] for each in trace["candidates"]}
            assert caplog.records == []
            await client.get("/v1/users/ann/recommendations", params={"n": 6})
            assert len(caplog.records) == 1

    explored = logging.Filter("headwater.exploration")
    with caplog.at_level(logging.INFO, explored.name), caplog.filtering(explored):
        caplog.clear()
        asyncio.run(scenario())


def test_the_trace_says_what_removed_and_moved_each_candidate(redis_url: str, api: Client) -> None:
    world().write(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client:
            path = "/v1/debug/users/ann/recommendations"
            trace = (await client.get(path, params={"exclude": "i04", "per_category": 1})).json()
        by_item = {each["item_id"]: each for each in trace["candidates"]}
        assert by_item["i00"]["removed_by"] == "leave_out_known"
        assert by_item["i04"]["removed_by"] == "leave_out_excluded"
        assert by_item["i11"]["removed_by"] == "leave_out_unavailable"
        assert by_item["i10"]["places"] == {
            "chain": 1,
            "prefer_newly_published": 1,
            "boost_categories": 1,
            "rotate": 1,
            "diversify": 1,
            "limit_categories": 1,
        }
        assert (trace["proposed"]["als"], trace["proposed"]["fresh"], trace["known_items"]) == (3, 0, 2)
        assert len(by_item) == len(trace["candidates"]) == 30

    asyncio.run(scenario())
