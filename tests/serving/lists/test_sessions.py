"""Anonymous sessions, diversity and explanations: what needs the model's factors, over a real Redis."""

from __future__ import annotations

import asyncio
import time

import numpy as np
import pytest
import redis

from algorithms.fold_in import fold_in
from algorithms.recency import recency_weights
from algorithms.signals.history import Histories
from tests.serving.blend_world import blend_world, served_blend
from tests.serving.conftest import Client
from tests.serving.requests import likes, post
from tests.serving.world import World, factor_world


def test_a_session_is_folded_in_and_stores_nothing(redis_url: str, api: Client) -> None:
    made = factor_world()
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


@pytest.mark.parametrize("with_known_items", [False, True])
def test_with_a_blend_a_session_has_the_list_that_the_blend_gives_its_history(
    redis_url: str, api: Client, with_known_items: bool
) -> None:
    made = blend_world(with_known_items=with_known_items)
    made.write(redis_url)
    served, now = served_blend(made), time.time_ns() // 1_000_000
    # Newest first: a rating of 1, an item that the model does not know, two likes.
    history = Histories(
        indptr=np.array([0, 4]),
        items=np.array([9, -1, 7, 3], np.int32),
        grades=np.array([-0.3, 1.0, 1.0, 1.0]),
        strengths=np.array([-0.5, 4.0, 4.0, 4.0]),
        times_ms=now - np.arange(4),
        weights=np.ones(4),
        now_ms=np.array([now]),
    )
    indexes, scores = served.blend.rank(served.signals, history, 30)
    indexes, scores = indexes[:, indexes[0] >= 0], scores[:, indexes[0] >= 0]

    async def scenario() -> None:
        async with api(redis_url) as client:
            session = [*likes("i03", "i07", "new"), {"item_id": "i09", "rating": 1.0}]
            answer = await post(client, session, n=len(indexes[0]))
            skipping = await post(client, session, n=10, known="skip")
        places = [int(item["item_id"][1:]) for item in answer["items"]]
        assert places == indexes[0].tolist()
        assert [item["score"] for item in answer["items"]] == pytest.approx(scores[0].tolist(), abs=2e-6)
        assert {item["source"] for item in answer["items"]} == {"fresh"}
        assert bool({3, 7} & set(places)) is with_known_items
        assert 9 not in places  # the visitor does not want it
        assert not {"i03", "i07", "i09"} & {item["item_id"] for item in skipping["items"]}

    asyncio.run(scenario())


def test_a_large_model_ranks_in_a_thread(
    redis_url: str, api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    blend_world().write(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client:
            inline = await post(client, likes("i03", "i07"))
            monkeypatch.setattr("serving.memory.factors.MAX_NUMBERS_INLINE", 0)
            assert (await post(client, likes("i03", "i07")))["items"] == inline["items"]

    asyncio.run(scenario())


def test_a_session_has_the_same_list_where_a_large_catalogue_is_scanned(
    redis_url: str, api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    factor_world().write(redis_url)
    answers = []

    async def scenario() -> None:
        async with api(redis_url) as client:
            answers.append(await post(client, likes("i03", "i07"), n=20))

    asyncio.run(scenario())
    monkeypatch.setattr("algorithms.neighbours.product_scan.LARGE", 0)
    asyncio.run(scenario())
    assert answers[0]["items"] == answers[1]["items"]
    assert {item["source"] for item in answers[1]["items"]} == {"fresh"}


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


def test_the_diversity_of_a_session_list_compares_factors(redis_url: str, api: Client) -> None:
    made = factor_world()
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
