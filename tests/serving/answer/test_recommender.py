"""Answers over a real Redis, through the real routes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest
import redis

from contracts.stored import keyspace
from serving.answer import recommender
from serving.answer.recommender import Recommender
from serving.memory.process_memory import empty_memory
from serving.memory.rules import RulesInForce
from serving.question.budget import MOST_RERANKED
from serving.question.candidate import Candidate, User
from serving.question.list_options import ListOptions
from serving.question.question import Question
from serving.redis.store import Store
from tests.serving.blend_world import blend_world
from tests.serving.conftest import Client, settings_of, through_store
from tests.serving.world import World


async def items(client: httpx.AsyncClient, path: str, **query: Any) -> list[dict[str, Any]]:
    response = await client.get(path, params=query)
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["items"]
    return found


def ids(found: list[dict[str, Any]]) -> list[str]:
    return [item["item_id"] for item in found]


@pytest.mark.parametrize("shards", [1, 7])
def test_the_batch_list_comes_first_and_popular_items_fill_up(
    redis_url: str, api: Client, shards: int
) -> None:
    World(shards=shards).write(redis_url)

    async def scenario() -> None:
        async with api(redis_url, redis_shards=shards) as client:
            answer = (await client.get("/v1/users/ann/recommendations", params={"n": 5})).json()
        assert answer["user_id"] == "ann"
        assert answer["model_version"] == "v1"
        assert answer["stale"] is False
        assert answer["known_items"] == 2
        # i00 is in the list but known; i00 and i01 are popular but known; i02 is like i00.
        assert ids(answer["items"]) == ["i10", "i11", "i02", "i03", "i04"]
        assert [item["source"] for item in answer["items"]] == ["als", "als", "session", "popular", "popular"]
        assert [item["rank"] for item in answer["items"]] == [1, 2, 3, 4, 5]
        assert answer["items"][0] == {
            "item_id": "i10", "rank": 1, "score": 0.8, "source": "als", "title": "Title i10",
        }  # fmt: skip

    asyncio.run(scenario())


def test_where_users_come_back_to_items_lists_of_the_model_may_hold_known_ones(
    redis_url: str, api: Client
) -> None:
    made = blend_world(with_known_items=True)
    made.write(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client:
            path = "/v1/users/ann/recommendations"
            # The list has i00, which ann knows; i01, which is popular and known to her, is left out as ever.
            assert ids(await items(client, path, n=5)) == ["i00", "i10", "i11", "i02", "i03"]
            assert ids(await items(client, path, n=3, known="skip")) == ["i10", "i11", "i02"]

    asyncio.run(scenario())


@pytest.mark.parametrize(("leads", "first"), [("trending", "i20"), ("model", "i10")])
def test_trending_items_lead_while_the_gate_says_that_no_model_is_better(
    redis_url: str, api: Client, leads: str, first: str
) -> None:
    now = time.time() / 86_400
    World(leads=leads, trending={86_400: {"i20": now + 6, "i00": now + 7}}).write(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client:
            found = await items(client, "/v1/users/ann/recommendations", n=3)
        assert found[0]["item_id"] == first
        assert "i00" not in ids(found)

    asyncio.run(scenario())


def test_every_unknown_item_of_the_catalogue_can_be_reached(redis_url: str, api: Client) -> None:
    world = World()
    world.write(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client:
            for user, known in {**world.histories, "nobody": []}.items():
                found = ids(await items(client, f"/v1/users/{user}/recommendations", n=1000))
                assert sorted(found) == sorted(set(world.items) - set(known))

    asyncio.run(scenario())


def test_a_user_who_knows_all_items_in_memory_gets_later_pages_from_redis(
    redis_url: str, api: Client
) -> None:
    world = World(items={f"p{i:04}": float(5000 - i) for i in range(4100)}, top={})
    world.histories = {"fan": [f"p{i:04}" for i in range(4050)]}
    client_of_test = redis.Redis.from_url(redis_url)
    client_of_test.zadd(keyspace.POPULAR, dict(world.items))
    client_of_test.hset(keyspace.history("fan", 1), mapping=dict.fromkeys(world.histories["fan"], b""))
    client_of_test.close()

    async def scenario() -> None:
        async with api(redis_url) as client:
            assert ids(await items(client, "/v1/users/fan/recommendations", n=20)) == [
                f"p{i:04}" for i in range(4050, 4070)
            ]
            assert len(await items(client, "/v1/users/fan/recommendations", n=1000)) == 50

    asyncio.run(scenario())


def test_an_answer_is_by_one_model_even_if_the_pointer_moves(redis_url: str, api: Client) -> None:
    world = World()
    world.write(redis_url, "v1")
    client_of_test = redis.Redis.from_url(redis_url)

    async def scenario() -> None:
        async with api(redis_url, popular_refresh_seconds=60) as client:
            assert ids(await items(client, "/v1/users/ann/recommendations", n=2)) == ["i10", "i11"]
            # The same items under other indexes: mixing the versions would name wrong ones.
            world.top = {"ann": [("i20", 0.9), ("i21", 0.8)]}
            world.write_model(client_of_test, "v2", reverse=True)
            answer = (await client.get("/v1/users/ann/recommendations", params={"n": 2})).json()
            assert answer["model_version"] == "v2"
            assert ids(answer["items"]) == ["i20", "i21"]
            client_of_test.set(keyspace.CURRENT_MODEL, "v1")
            answer = (await client.get("/v1/users/ann/recommendations", params={"n": 2})).json()
            assert answer["model_version"] == "v1"
            assert ids(answer["items"]) == ["i10", "i11"]
            client_of_test.delete(keyspace.CURRENT_MODEL)
            answer = (await client.get("/v1/users/ann/recommendations", params={"n": 2})).json()
            assert answer["model_version"] is None
            assert ids(answer["items"]) == ["i02", "i03"]

    asyncio.run(scenario())
    client_of_test.close()


def test_an_index_beyond_the_items_of_its_model_is_not_an_error(redis_url: str, api: Client) -> None:
    World().write(redis_url)
    client_of_test = redis.Redis.from_url(redis_url)
    client_of_test.set(keyspace.model_items("v1"), b"only")
    client_of_test.close()

    async def scenario() -> None:
        async with api(redis_url) as client:
            assert ids(await items(client, "/v1/users/ann/recommendations", n=1)) == ["only"]

    asyncio.run(scenario())


def test_without_redis_and_without_a_list_in_memory_answers_are_empty_and_stale(api: Client) -> None:
    async def scenario() -> None:
        async with api() as client:
            answers = [
                (await client.get(path)).json()
                for path in ("/v1/users/ann/recommendations", "/v1/items/i00/similar", "/v1/popular")
            ]
        assert [(answer["items"], answer["stale"]) for answer in answers] == [([], True)] * 3

    asyncio.run(scenario())


def test_items_after_the_reranked_places_keep_their_order(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recommender, "RERANKERS", (lambda _, candidates: candidates[::-1],))
    items = [f"i{place}" for place in range(2 * MOST_RERANKED)]

    async def all_items(_: Question) -> AsyncGenerator[list[Candidate], None]:
        yield [Candidate(item, 1.0, "all") for item in items]

    async def read(store: Store) -> list[str]:
        answers = Recommender(empty_memory(settings_of(), store), RulesInForce(store))
        options = ListOptions(n=1000, offset=500, diversity=0.5)
        page = await answers.select(Question(User("u", stale=True), options), (all_items,))
        return [candidate.item_id for candidate in page]

    expected = [*items[:MOST_RERANKED][::-1], *items[MOST_RERANKED:]]
    assert through_store(redis_url, read) == expected[500:1500]
