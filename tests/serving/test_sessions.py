"""Anonymous sessions, diversity and explanations: what needs the model's factors, over a real Redis."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import numpy as np
import pytest
import redis

from algorithms.fold_in import fold_in
from algorithms.recency import recency_weights
from contracts import keyspace
from tests.serving.conftest import Client
from tests.serving.world import World

PARAMETERS: dict[str, object] = {"als_reg_param": 0.1, "als_alpha": 2.0, "als_nonnegative": False}


def world(seed: int = 1) -> World:
    random = np.random.default_rng(seed)
    return World(factors=random.normal(size=(30, 4)).astype(np.float32), parameters=dict(PARAMETERS))


async def post(client: httpx.AsyncClient, items: list[dict[str, Any]], **query: Any) -> dict[str, Any]:
    response = await client.post("/v1/recommendations", json={"items": items}, params=query)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def likes(*items: str) -> list[dict[str, Any]]:
    return [{"item_id": item} for item in items]


def test_a_session_is_folded_in_and_leaves_no_trace(redis_url: str, api: Client) -> None:
    made = world()
    made.write(redis_url)
    client_of_test = redis.Redis.from_url(redis_url)
    before = set(client_of_test.scan_iter())

    async def scenario() -> None:
        async with api(redis_url) as client:
            answer = await post(
                client, [*likes("i03", "i07", "new"), {"item_id": "i09", "rating": 1.0}], n=26
            )
        assert made.factors is not None
        # Four items in the session, of which the model knows three: how new they are is by their places.
        weights = recency_weights(np.array([0, 4]), np.arange(4), half_life_items=20)[[0, 1, 3]]
        vector = fold_in(
            made.factors,
            np.array([0, 3]),
            np.array([3, 7, 9]),
            np.array([4.0, 4.0, -0.5]),
            reg_param=0.1,
            alpha=2.0,
            confidence_weights=weights,
        )[0]
        scores = made.factors @ vector
        expected = [f"i{at:02}" for at in np.argsort(-scores, kind="stable") if at not in (3, 7, 9)]
        assert [item["item_id"] for item in answer["items"]][:20] == expected[:20]
        assert {item["source"] for item in answer["items"]} == {"fresh"}
        assert (answer["user_id"], answer["known_items"], answer["model_version"]) == ("", 4, "v1")

    asyncio.run(scenario())
    assert set(client_of_test.scan_iter()) == before
    client_of_test.close()


def test_without_factors_neighbours_answer_and_without_a_liked_item_popular_ones(
    redis_url: str, api: Client
) -> None:
    World().write(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client:
            answer = await post(client, likes("i00"), n=3)
            assert [(i["item_id"], i["source"]) for i in answer["items"]] == [
                ("i01", "session"),
                ("i02", "session"),
                ("i03", "popular"),
            ]
            disliked = await post(client, [{"item_id": "i00", "event_type": "dislike"}], n=1)
            assert [(i["item_id"], i["source"]) for i in disliked["items"]] == [("i01", "popular")]
        async with api() as client:
            assert (await post(client, likes("i00")))["stale"] is True

    asyncio.run(scenario())


def test_factors_that_are_too_large_are_not_held(redis_url: str, api: Client) -> None:
    world().write(redis_url)

    async def scenario() -> None:
        async with api(redis_url, factors_max_bytes=100) as client:
            answer = await post(client, likes("i00"), n=1)
            assert answer["items"][0]["source"] == "session"

    asyncio.run(scenario())


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


def test_each_item_says_which_items_made_it(redis_url: str, api: Client) -> None:
    made = world()
    made.histories = {"ann": [f"i{at:02}" for at in range(8)]}
    made.write(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client:
            query = {"explain": "true", "n": 5}
            explained = (await client.get("/v1/users/ann/recommendations", params=query)).json()["items"]
            plain = (await client.get("/v1/users/ann/recommendations")).json()["items"]
        assert all("because" not in item for item in plain)
        assert made.factors is not None
        row = np.array([0, 8])
        weights = recency_weights(row, np.arange(8), half_life_items=20)
        vector = fold_in(
            made.factors, row, np.arange(8), np.ones(8), reg_param=0.1, alpha=2.0, confidence_weights=weights
        )[0]
        for item in explained:
            because = item["because"]
            assert because["score"] == pytest.approx(
                float(made.factors[int(item["item_id"][1:])] @ vector), abs=1e-5
            )
            shares = [share["share"] for share in because["items"]]
            assert sum(shares) + because["rest"] == pytest.approx(because["score"], abs=1e-5)
            assert len(shares) == 5
            assert [abs(share) for share in shares] == sorted(map(abs, shares), reverse=True)
            assert because["items"][0]["title"] == f"Title {because['items'][0]['item_id']}"

    asyncio.run(scenario())


@pytest.mark.parametrize("nonnegative", [True, False])
def test_what_the_model_cannot_explain_has_no_explanation(
    redis_url: str, api: Client, nonnegative: bool
) -> None:
    made = world() if nonnegative else World()
    made.parameters = {**PARAMETERS, "als_nonnegative": True}
    made.write(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client:
            answer = (await client.get("/v1/users/ann/recommendations", params={"explain": "true"})).json()
        assert {item["because"] for item in answer["items"]} == {None}

    asyncio.run(scenario())


def test_diversity_goes_by_the_factors(redis_url: str, api: Client) -> None:
    made = world()
    assert made.factors is not None
    made.factors[:] = [1.0, 0.0, 0.0, 0.0]
    made.factors[25] = [0.0, 1.0, 0.0, 0.0]
    made.write(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client:
            path = "/v1/users/nobody/recommendations"
            items = (await client.get(path, params={"n": 2, "diversity": 0.9})).json()["items"]
            assert [item["item_id"] for item in items] == ["i00", "i25"]

    asyncio.run(scenario())


def test_a_new_version_brings_its_own_factors(redis_url: str, api: Client) -> None:
    made = world()
    made.write(redis_url)
    client_of_test = redis.Redis.from_url(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client:
            first = await post(client, likes("i03"), n=5)
            made.factors = world(2).factors
            made.write_model(client_of_test, "v2")
            second = await post(client, likes("i03"), n=5)
            client_of_test.delete(keyspace.manifest("v2"))
            assert (first["model_version"], second["model_version"]) == ("v1", "v2")
            assert [i["score"] for i in first["items"]] != [i["score"] for i in second["items"]]

    asyncio.run(scenario())
    client_of_test.close()
