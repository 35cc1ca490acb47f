"""No answer shows hidden, expired and denied items, on every route that shows items."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import redis

from contracts.stored import keyspace, records
from serving.app import create_app
from tests.serving.conftest import Client, settings_of, until
from tests.serving.requests import likes
from tests.serving.world import World

HIDDEN, EXPIRED, DENIED = "i02", "i03", "i04"
NEVER = {HIDDEN, EXPIRED, DENIED}
CATEGORY = "Drama"


class Asked(NamedTuple):
    """A request whose answer shows items."""

    method: str
    path: str
    body: Any = None


EVERY = [f"i{n:02}" for n in range(30)]
ROUTES = {
    "GET /v1/users/{user_id}/recommendations": Asked("GET", "/v1/users/ann/recommendations?n=100"),
    "GET /v1/users/{user_id}/because": Asked("GET", "/v1/users/bob/because?n=100"),
    "POST /v1/users/{user_id}/rank": Asked("POST", "/v1/users/ann/rank", {"item_ids": EVERY}),
    "POST /v1/recommendations": Asked("POST", "/v1/recommendations?n=100", {"items": likes("i09")}),
    "POST /v1/rank": Asked("POST", "/v1/rank", {"item_ids": EVERY, "session": likes("i09")}),
    "POST /v1/groups/recommendations": Asked(
        "POST", "/v1/groups/recommendations?n=100", {"user_ids": ["ann", "bob"]}
    ),
    "GET /v1/items/{item_id}/similar": Asked("GET", "/v1/items/i00/similar?n=100"),
    "GET /v1/items/{item_id}/together": Asked("GET", "/v1/items/i00/together?n=100"),
    "GET /v1/popular": Asked("GET", "/v1/popular?n=100"),
    "GET /v1/popular of a category": Asked("GET", f"/v1/popular?n=100&category={CATEGORY}"),
    "GET /v1/popular from a page on": Asked("GET", "/v1/popular?n=100&offset=1"),
    "GET /v1/trending": Asked("GET", "/v1/trending?n=100"),
    "GET /v1/trending of a category": Asked("GET", f"/v1/trending?n=100&category={CATEGORY}"),
    "GET /page/search": Asked("GET", "/page/search?q=title"),
}
# What a user did, what a caller asks about by name, what an operator looks at.
SHOW_NO_LIST = {
    "GET /v1/users/{user_id}/history",
    "GET /v1/users/{user_id}/estimate",
    "POST /v1/users/{user_id}/estimate",
    "GET /v1/users/{user_id}/export",
    "GET /v1/items/{item_id}/users",
    "GET /v1/users/{user_id}/similar",
    "GET /v1/debug/users/{user_id}/recommendations",
}


def full_world() -> World:
    made = World(
        histories={"ann": ["i00"], "bob": ["i00", HIDDEN]},
        top={"ann": [(item, 1.0 - n / 100) for n, item in enumerate(EVERY[1:])]},
    )
    made.categories = {item: [CATEGORY] for item in EVERY}
    made.trending = {86_400: {item: time.time() / 86_400 + 9 - n / 100 for n, item in enumerate(EVERY)}}
    return made


@pytest.fixture
def world(redis_url: str) -> Iterator[redis.Redis]:
    full_world().write(redis_url)
    with redis.Redis.from_url(redis_url) as client:
        scores = full_world().trending[86_400]
        client.zadd(keyspace.trending_in(86_400, CATEGORY), scores)
        client.zadd(keyspace.together("i00", 0), dict.fromkeys(EVERY[1:9], 50))
        client.hset(keyspace.similar_items("v1"), "i00", records.encode_ranked(list(range(1, 9)), [0.5] * 8))
        yield client


def take_away(client: redis.Redis) -> None:
    """Hide one item, let one expire; their places in all lists stay, as streaming leaves them."""
    for item, attributes in ((HIDDEN, {"hidden": "true"}), (EXPIRED, {"expires_at": "2020-01-01"})):
        entry = {"kind": "item", "id": item, "title": f"Title {item}", "updated_at": 2}
        entry |= {"categories": [CATEGORY], "attributes": attributes}
        client.hset(keyspace.CATALOG_ITEMS, item, records.encode_catalog(2, json.dumps(entry)))
    client.set(keyspace.SERVING_RULES, json.dumps({"deny": [DENIED]}))


def shown_items(node: Any) -> set[str]:
    """Every item that an answer names, except those that the request named."""
    if isinstance(node, list):
        return set().union(*map(shown_items, node))
    if isinstance(node, dict):
        here = {node["item_id"]} if "item_id" in node else set()
        return here.union(*(shown_items(value) for value in node.values()))
    return set()


@pytest.mark.parametrize("name", ROUTES)
def test_no_route_shows_hidden_or_expired_or_denied_items(
    redis_url: str, api: Client, world: redis.Redis, name: str
) -> None:
    asked = ROUTES[name]

    async def scenario() -> tuple[set[str], set[str]]:
        async def items_in_answer() -> set[str]:
            answer = await client.request(asked.method, asked.path, json=asked.body)
            assert answer.status_code == 200, answer.text
            return shown_items(answer.json())

        async def is_in_force() -> bool:
            return (await client.get("/v1/rules")).json()["deny"] == [DENIED]

        async with api(redis_url) as client:
            before = await items_in_answer()
        take_away(world)
        async with api(redis_url) as client:  # a new process: the catalogue is kept for half a minute
            await until(is_in_force, True)
            return before, await items_in_answer()

    before, after = asyncio.run(scenario())
    assert before & NEVER, "the test shows nothing: the items were not there before"
    assert after
    assert not after & NEVER


def test_these_tests_cover_every_route_that_shows_items() -> None:
    document = create_app(settings_of()).openapi()
    found = set()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            answers = json.dumps(operation["responses"].get("200", {}))
            if _names_items(document, answers, set()):
                found.add(f"{method.upper()} {path}")
    asked = {" ".join(name.split()[:2]) for name in ROUTES if "/page/" not in name}
    assert found - SHOW_NO_LIST == asked


def _names_items(document: dict[str, Any], text: str, seen: set[str]) -> bool:
    """Whether an answer's schema has an ``item_id`` anywhere."""
    if '"item_id"' in text:
        return True
    return any(
        _names_items(document, json.dumps(schema), seen | {name})
        for name, schema in document["components"]["schemas"].items()
        if f'schemas/{name}"' in text and name not in seen
    )
