"""Estimates of ratings and preferences, over a real Redis."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from contracts.settings import ServingSettings
from serving.lists.estimates import preferences
from serving.lists.ranking_history import Interacted
from serving.memory.factors import ItemFactors
from serving.memory.process_memory import ProcessMemory
from serving.redis.model_cache import Model
from tests.serving.conftest import Client
from tests.serving.world import World

PARAMETERS: dict[str, object] = {"als_reg_param": 0.1, "als_alpha": 2.0, "explicit_reg_param": 0.2}


def world() -> World:
    random = np.random.default_rng(3)
    factors = random.normal(size=(30, 4)).astype(np.float32)
    ratings = np.abs(random.normal(size=(30, 2))).astype(np.float32) + 0.5
    ratings[9] = 0  # nobody has rated i09
    return World(factors=factors, rating_factors=ratings, parameters=dict(PARAMETERS))


def ask(api: Client, url: str, user: str, items: list[str]) -> tuple[int, dict[str, Any]]:
    async def scenario() -> tuple[int, dict[str, Any]]:
        async with api(url) as client:
            response = await client.get(f"/v1/users/{user}/estimate", params={"item_id": items})
            return response.status_code, response.json()

    return asyncio.run(scenario())


def test_an_estimated_rating_solves_the_explicit_equations_and_lies_within_the_scale(
    redis_url: str, api: Client
) -> None:
    made = world()
    made.write(redis_url)
    status, answer = ask(api, redis_url, "ann", ["i20", "i00", "i09", "unheard of"])
    assert status == 200
    assert answer["scale"] == [0.5, 5.0]
    assert answer["model_version"] == "v1"
    # ann has rated i00 and i01 with 4: (Y'Y + regParam n I) x = Y' r.
    assert made.rating_factors is not None
    rated = made.rating_factors[:2].astype(np.float64)
    vector = np.linalg.solve(rated.T @ rated + 0.2 * 2 * np.eye(2), rated.T @ np.full(2, 4.0))
    expected = np.clip(made.rating_factors[[20, 0]] @ vector, 0.5, 5.0)
    found = [item["rating"] for item in answer["items"]]
    assert found[:2] == pytest.approx(expected.tolist(), abs=1e-5)
    assert found[2:] == [None, None]
    assert [item["rated"] for item in answer["items"]] == [None, 4.0, None, None]
    assert [item["preference"] is None for item in answer["items"]] == [False, False, False, True]
    assert answer["items"][0]["title"] == "Title i20"


def test_a_preference_is_the_score_of_the_explained_list(redis_url: str, api: Client) -> None:
    made = world()
    made.top = {"ann": [("i20", 1.0)]}
    made.write(redis_url)

    async def scenario() -> tuple[float, float]:
        async with api(redis_url) as client:
            answer = (
                await client.get("/v1/users/ann/recommendations", params={"explain": True, "n": 1})
            ).json()
            estimate = (await client.get("/v1/users/ann/estimate", params={"item_id": "i20"})).json()
            return answer["items"][0]["because"]["score"], estimate["items"][0]["preference"]

    explained, preference = asyncio.run(scenario())
    assert preference == pytest.approx(explained, abs=1e-5)


def test_without_ratings_or_history_there_is_no_estimate(redis_url: str, api: Client) -> None:
    made = world()
    made.rating_factors = None  # the model has learnt from likes alone
    made.write(redis_url)
    (item,) = ask(api, redis_url, "ann", ["i20"])[1]["items"]
    assert (item["rating"], item["preference"] is None) == (None, False)
    (item,) = ask(api, redis_url, "nobody", ["i20"])[1]["items"]
    assert (item["rating"], item["preference"], item["rated"]) == (None, None, None)


def test_before_the_first_model_the_answer_names_the_cure(redis_url: str, api: Client) -> None:
    world().write(redis_url, version=None)
    status, problem = ask(api, redis_url, "ann", ["i20"])
    assert status == 409
    assert "headwater train --once" in problem["detail"]


def test_too_many_or_no_items_are_refused(redis_url: str, api: Client) -> None:
    assert ask(api, redis_url, "ann", [])[0] == 422
    assert ask(api, redis_url, "ann", ["i00"] * 101)[0] == 422


def test_given_items_are_scored_without_reading_the_factors_of_others() -> None:
    made = world().factors
    assert made is not None
    ids = [f"i{place:02}" for place in range(30)]
    memory = cast(ProcessMemory, SimpleNamespace(settings=ServingSettings()))
    history = [Interacted("i03", 4.0, 1000), Interacted("i07", 2.0, 500)]

    def scores(factors: ItemFactors) -> list[float | None]:
        return preferences(factors, history, ["i20", "i00"], memory)

    whole = ItemFactors(Model("v1", ids, []), made, reg_param=0.1, alpha=2.0, nonnegative=False)
    part = np.full_like(made, np.nan)
    part[[0, 3, 7, 20]] = made[[0, 3, 7, 20]]
    partial = ItemFactors(whole.model, part, reg_param=0.1, alpha=2.0, nonnegative=False)
    vars(partial)["gramian"] = whole.gramian  # computed once for a version, from all factors
    assert scores(partial) == scores(whole)
    assert None not in scores(whole)
