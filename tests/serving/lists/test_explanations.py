"""Explanations, over a real Redis."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from algorithms.fold_in import fold_in
from algorithms.recency import recency_weights
from tests.serving.conftest import Client
from tests.serving.world import PARAMETERS, World, factor_world


def test_each_item_says_which_items_made_it(redis_url: str, api: Client) -> None:
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


@pytest.mark.parametrize("nonnegative", [True, False])
def test_what_the_model_cannot_explain_has_no_explanation(
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
