"""Ordering given items, over a real Redis."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.lists.rank import new_order
from tests.serving.blend_world import blend_world, history_of, served_blend
from tests.serving.conftest import Client
from tests.serving.requests import likes, post
from tests.serving.world import World, factor_world

SCORES = st.lists(st.none() | st.integers(-3, 3).map(float), max_size=12)
ALL = [f"i{at:02}" for at in range(30)]


@given(SCORES, st.floats(0, 1))
def test_items_without_a_score_keep_their_places_and_none_is_lost(
    scores: list[float | None], strength: float
) -> None:
    order = new_order(scores, strength)
    assert sorted(order) == list(range(len(scores)))
    assert all(order[place] == place for place, score in enumerate(scores) if score is None)


@given(SCORES)
def test_strength_0_keeps_the_given_order_and_strength_1_orders_by_score(scores: list[float | None]) -> None:
    assert new_order(scores, 0.0) == list(range(len(scores)))
    known = [place for place in new_order(scores, 1.0) if scores[place] is not None]
    assert known == sorted(known, key=lambda place: (-float(scores[place] or 0), place))


def test_a_strength_between_0_and_1_mixes_both_orders() -> None:
    assert new_order([0.0, None, 1.0, 2.0], 0.5) == [0, 1, 2, 3]
    assert new_order([0.0, None, 1.0, 2.0], 0.6) == [3, 1, 2, 0]


async def _rank(
    client: httpx.AsyncClient, items: list[str], path: str = "/v1/users/ann/rank", **query: Any
) -> dict[str, Any]:
    response = await client.post(path, json={"item_ids": items}, params=query)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def _ids(answer: dict[str, Any]) -> list[str]:
    return [item["item_id"] for item in answer["items"]]


def _ranked_world() -> tuple[World, list[str]]:
    """Ann's fresh list is what the blend makes of her history right after her last event."""
    made = blend_world()
    made.histories = {"ann": ALL[:8]}
    served = served_blend(made)
    history = history_of(range(7, -1, -1), 1_000_007, 1_000_007)
    indexes, scores = served.blend.rank(served.signals, history, 6)
    made.fresh = {"ann": ("v1", tuple(indexes[0].tolist()), tuple(scores[0].tolist()))}
    made.hotness = {"ann": 1.0}
    return made, [ALL[place] for place in indexes[0]]


def test_the_personal_order_of_all_items_is_that_of_the_users_list(redis_url: str, api: Client) -> None:
    made, listed = _ranked_world()
    made.write(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client:
            answer = await _rank(client, ALL, known="skip", explain="true")
            plain = (await client.get("/v1/users/ann/recommendations", params={"n": 6})).json()
        assert _ids(answer)[:6] == listed == _ids(plain)
        for ranked, item in zip(answer["items"], plain["items"], strict=False):
            assert ranked["score"] == pytest.approx(item["score"], rel=1e-5, abs=2e-6)
            assert ranked["because"]["score"] == pytest.approx(item["score"], rel=1e-5, abs=2e-6)
        assert not set(ALL[:8]) & set(_ids(answer))
        assert (answer["user_id"], answer["model_version"], answer["stale"]) == ("ann", "v1", False)

    asyncio.run(scenario())


def test_known_items_stay_unknown_ones_keep_their_places_and_each_item_occurs_once(
    redis_url: str, api: Client
) -> None:
    made, listed = _ranked_world()
    made.write(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client:
            given = [listed[2], "new", listed[0], listed[2], "i00", listed[1]]
            answer = await _rank(client, given)
            assert sorted(_ids(answer)) == sorted({*given})
            assert _ids(answer)[1] == "new"
            assert [each for each in _ids(answer) if each in listed] == listed[:3]
            by_id = {item["item_id"]: item for item in answer["items"]}
            assert (by_id["new"]["score"], by_id["new"]["title"], by_id["new"]["given"]) == (None, None, 2)
            assert by_id[listed[0]]["given"] == 3
            assert _ids(await _rank(client, given, strength=0)) == list(dict.fromkeys(given))

    asyncio.run(scenario())


def test_a_filter_leaves_items_out(redis_url: str, api: Client) -> None:
    made, _ = _ranked_world()
    made.categories = {item: ["Comedy" if at % 2 else "Drama"] for at, item in enumerate(ALL)}
    made.write(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client:
            answer = await _rank(client, ALL, filter="category = Comedy")
            assert sorted(_ids(answer)) == ALL[1::2]

    asyncio.run(scenario())


@pytest.mark.parametrize("made", [blend_world(), factor_world()])
def test_the_personal_order_for_a_session_is_that_of_its_list(
    redis_url: str, api: Client, made: World
) -> None:
    made.write(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client:
            listed = await post(client, likes("i03", "i07"), n=4)
            body = {"item_ids": ALL, "session": likes("i03", "i07")}
            response = await client.post("/v1/rank", json=body, params={"known": "skip"})
        answer = response.json()
        assert _ids(answer)[:4] == _ids(listed)
        assert [item["score"] for item in answer["items"][:4]] == pytest.approx(
            [item["score"] for item in listed["items"]], rel=1e-5, abs=2e-6
        )
        assert not {"i03", "i07"} & set(_ids(answer))

    asyncio.run(scenario())


def test_without_a_history_the_order_is_kept(redis_url: str, api: Client) -> None:
    factor_world().write(redis_url)
    given = ["i09", "i01", "i20"]

    async def scenario() -> None:
        async with api(redis_url) as client:
            answer = await _rank(client, given, "/v1/users/nobody/rank", explain="true")
            assert (_ids(answer), answer["stale"]) == (given, False)
        async with api() as client:
            answer = await _rank(client, given, explain="true")
            assert (_ids(answer), answer["stale"]) == (given, True)
            assert {item["because"] for item in answer["items"]} == {None}

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("items", "query"),
    [
        ([], {}),
        ([f"i{at}" for at in range(1001)], {}),
        (["a\nb"], {}),
        (["i00"], {"strength": 2}),
        (["i00"], {"filter": "category ="}),
    ],
)
def test_invalid_input_is_refused_with_the_reason(
    redis_url: str, api: Client, items: list[str], query: dict[str, Any]
) -> None:
    async def scenario() -> None:
        async with api(redis_url) as client:
            response = await client.post("/v1/users/ann/rank", json={"item_ids": items}, params=query)
        assert response.status_code == 422
        assert response.headers["content-type"] == "application/problem+json"

    asyncio.run(scenario())
