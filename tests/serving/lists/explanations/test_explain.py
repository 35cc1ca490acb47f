"""Explanations, over a real Redis."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from math import log2
from typing import Any

import numpy as np
import pytest

from algorithms.blending.weights import TRANSITIONS
from algorithms.fold_in import fold_in
from algorithms.recency import recency_weights
from serving.lists.explanations import explain
from serving.lists.explanations.shares import Shares
from tests.serving.blend_world import COLD, HOT, blend_world, history_of, served_blend
from tests.serving.conftest import Client
from tests.serving.world import PARAMETERS, World, factor_world


def test_each_recommended_item_names_the_history_items_behind_it(redis_url: str, api: Client) -> None:
    made = factor_world()
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


def _explained_items(made: World, redis_url: str, api: Client) -> list[dict[str, Any]]:
    made.write(redis_url)

    async def scenario() -> list[dict[str, Any]]:
        async with api(redis_url) as client:
            query = {"explain": "true", "n": 5}
            answer = (await client.get("/v1/users/ann/recommendations", params=query)).json()
            items: list[dict[str, Any]] = answer["items"]
            return items

    return asyncio.run(scenario())


def _adds_up(because: dict[str, Any]) -> None:
    shares = [share["share"] for share in because["items"]]
    assert sum(shares) + because["rest"] == pytest.approx(because["score"], abs=1e-5)
    assert sum(because["signals"].values()) == pytest.approx(because["score"], abs=1e-5)


@pytest.mark.parametrize("steps", [255, 128, 1, 0])
@pytest.mark.parametrize("with_known_items", [False, True])
def test_a_fresh_list_by_the_blend_is_explained_with_the_hotness_that_ranked_it(
    redis_url: str, api: Client, steps: int, with_known_items: bool
) -> None:
    made, hotness, newest = blend_world(with_known_items=with_known_items), steps / 255, 1_000_007
    made.histories = {"ann": [f"i{at:02}" for at in range(8)]}
    served = served_blend(made)
    # Half of the weights' difference is gone after 8 hours.
    hours = -8 * log2(hotness) if hotness else 1000
    asked = history_of(range(7, -1, -1), newest, newest + round(hours * 3_600_000))
    weights = {
        name: hotness * HOT.get(name, 0.0) + (1 - hotness) * COLD.get(name, 0.0) for name in (*HOT, *COLD)
    }
    as_made = replace(served.blend, hot=weights, cold=weights)
    indexes, scores = as_made.rank(served.signals, asked, 5)
    made.fresh = {"ann": ("v1", tuple(indexes[0].tolist()), tuple(scores[0].tolist()))}
    made.hotness, made.read_at = {"ann": hotness}, 1000 * int(asked.now_ms[0])
    items = _explained_items(made, redis_url, api)
    assert {item["source"] for item in items} == {"fresh"}
    for item in items:
        assert item["because"]["score"] == pytest.approx(item["score"], rel=1e-5, abs=2e-6)
        _adds_up(item["because"])
        assert item["because"]["reason"]
    families = {family for item in items for family in item["because"]["signals"]}
    assert ("item_to_item" in families) is (steps > 0)
    assert ("long_view" in families) is (steps < 255)


@pytest.mark.parametrize(
    ("hotness", "place", "beginning"),
    [(1.0, 0, "because you just "), (1.0, 5, "often follows "), (0.2, 0, "often follows ")],
)
def test_only_what_follows_a_newest_item_right_after_an_event_says_what_the_user_just_did(
    redis_url: str, api: Client, monkeypatch: pytest.MonkeyPatch, hotness: float, place: int, beginning: str
) -> None:
    def one_share(_blend: Any, history: Any, _moment: Any, targets: Any) -> list[Shares]:
        shares = 1.0 * (np.arange(len(history)) == place)
        return [Shares({TRANSITIONS: 1.0}, {TRANSITIONS: shares})] * len(targets)

    monkeypatch.setattr(explain, "shares_by_blend", one_share)
    made = blend_world()
    made.histories = {"ann": [f"i{at:02}" for at in range(8)]}
    made.fresh, made.hotness = {"ann": ("v1", (20, 21), (0.5, 0.4))}, {"ann": hotness}
    for item in _explained_items(made, redis_url, api)[:2]:
        assert item["because"]["reason"].startswith(beginning)


def test_a_list_of_a_training_round_is_explained_by_the_cold_weights(redis_url: str, api: Client) -> None:
    made = blend_world()
    made.histories = {"ann": [f"i{at:02}" for at in range(8)]}
    served = served_blend(made)
    cold = replace(served.blend, hot=COLD)
    asked = history_of(range(7, -1, -1), 1_000_007, 39_000)  # the world's trends are of its end
    indexes, scores = cold.rank(served.signals, asked, 5)
    ids = [f"i{at:02}" for at in indexes[0]]
    made.top = {"ann": list(zip(ids, scores[0].tolist(), strict=True))}
    items = _explained_items(made, redis_url, api)
    assert {item["source"] for item in items} == {"als"}
    for item in items:
        assert item["because"]["score"] == pytest.approx(item["score"], rel=1e-5, abs=2e-6)
        _adds_up(item["because"])
        assert set(item["because"]["signals"]) == {"long_view", "transitions", "factors", "trend"}


def test_a_list_by_the_factors_alone_is_explained_by_them(redis_url: str, api: Client) -> None:
    made = blend_world()
    made.fresh = {"ann": ("v1", (20, 21), (0.5, 0.4))}
    fresh = _explained_items(made, redis_url, api)[:2]
    made.blend = None
    assert [item["because"] for item in fresh] == [
        item["because"] for item in _explained_items(made, redis_url, api)[:2]
    ]
    for item in fresh:
        assert item["because"]["signals"] == {"factors": item["because"]["score"]}


def test_a_user_without_a_history_gets_explanations_without_items(redis_url: str, api: Client) -> None:
    made = blend_world()
    made.histories = {}
    items = _explained_items(made, redis_url, api)
    assert items
    for item in items:
        assert item["because"]["items"] == []
        _adds_up(item["because"])


@pytest.mark.parametrize("nonnegative", [True, False])
def test_an_item_that_the_model_cannot_explain_has_no_explanation(
    redis_url: str, api: Client, nonnegative: bool
) -> None:
    made = factor_world() if nonnegative else World()
    made.parameters = {**PARAMETERS, "als_nonnegative": True}
    made.write(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client:
            answer = (await client.get("/v1/users/ann/recommendations", params={"explain": "true"})).json()
        assert {item["because"] for item in answer["items"]} == {None}

    asyncio.run(scenario())
