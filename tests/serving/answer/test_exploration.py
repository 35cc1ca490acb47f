"""Exploration slots: which items are drawn, how often, and what the answer and the log record."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import Counter
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.statistics.replay import Logged, inverse_propensity, self_normalised
from serving.answer.exploration import (
    SOURCE,
    Exploration,
    chance_of_a_draw,
    replace_at_random,
    replace_one,
)
from serving.memory.process_memory import empty_memory
from serving.question.candidate import Candidate
from serving.question.list_options import ListOptions
from serving.redis.store import Store
from serving.telemetry.metrics import Metrics
from tests.serving.conftest import Client, settings_of
from tests.serving.world import World

DAY_MS = 86_400_000


def page_of(n: int) -> list[Candidate]:
    return [Candidate(f"p{at}", float(n - at), "als") for at in range(n)]


@given(st.integers(0, 12), st.integers(0, 12), st.integers(0, 12), st.integers(0, 1000))
def test_a_page_keeps_its_length_and_gives_away_no_more_than_its_slots(
    length: int, new: int, slots: int, seed: int
) -> None:
    page, eligible = page_of(length), [f"n{at}" for at in range(new)]
    made = replace_at_random(page, eligible, slots, Random(seed))
    explored = [each for each in made if each.source == SOURCE]
    assert len(made) == length
    assert len(explored) == min(slots, length, new)
    assert len({each.item_id for each in made}) == length
    assert all(each == page[at] for at, each in enumerate(made) if each.source != SOURCE)
    assert all(each.score == len(explored) / new for each in explored)


def test_items_and_places_are_drawn_as_often_as_the_propensity_says() -> None:
    random, items, places, rounds = Random(7), Counter[str](), Counter[int](), 4000
    for _ in range(rounds):
        made = replace_at_random(page_of(5), ["a", "b", "c", "d"], 1, random)
        for place, each in enumerate(made):
            if each.source == SOURCE:
                items[each.item_id] += 1
                places[place] += 1
                propensity = each.score
    assert propensity == 0.25
    # Five standard deviations of a binomial.
    assert all(abs(n / rounds - 0.25) < 5 * (0.25 * 0.75 / rounds) ** 0.5 for n in items.values())
    assert all(abs(n / rounds - 0.2) < 5 * (0.2 * 0.8 / rounds) ** 0.5 for n in places.values())
    assert (len(items), len(places)) == (4, 5)


def test_one_item_is_drawn_as_often_as_its_propensity_says_in_any_place() -> None:
    random, rounds, chance = Random(11), 6000, 0.5
    items, places, propensities = Counter[str](), Counter[int](), dict[str, float]()
    for _ in range(rounds):
        if random.random() >= chance:
            continue
        made = replace_one(page_of(5), ["a", "b", "c"], [0.1, 0.1, 0.2], chance, random)
        (at,) = [at for at, each in enumerate(made) if each.source == SOURCE]
        items[made[at].item_id] += 1
        places[at] += 1
        propensities[made[at].item_id] = made[at].score
    assert propensities == pytest.approx({"a": 0.125, "b": 0.125, "c": 0.25})
    for item, p in propensities.items():
        assert abs(items[item] / rounds - p) < 5 * (p * (1 - p) / rounds) ** 0.5
    assert all(abs(n / rounds - 0.1) < 5 * (0.1 * 0.9 / rounds) ** 0.5 for n in places.values())


@given(st.integers(0, 12), st.lists(st.floats(0, 1), max_size=8), st.floats(0.01, 1), st.integers(0, 1000))
def test_one_place_is_given_away_if_there_is_a_new_item(
    length: int, weights: list[float], share: float, seed: int
) -> None:
    page, eligible = page_of(length), [f"n{at}" for at in range(len(weights))]
    chance = chance_of_a_draw(share, length)
    made = replace_one(page, eligible, weights, chance, Random(seed))
    explored = [each for each in made if each.source == SOURCE]
    assert len(made) == length
    assert len(explored) == (1 if length and weights else 0)
    assert all(0 < each.score <= chance <= share for each in explored)


def test_an_arm_that_sets_one_kind_of_exploration_has_only_that_kind() -> None:
    settings = settings_of(explore_slots=2, explore_new=0.4)
    exploration = Exploration(empty_memory(settings, Store(settings, 1, Metrics())))
    assert exploration.budget(ListOptions(10)) == (2, 0.4)
    assert exploration.budget(ListOptions(10, explore_new=0.3)) == (0, 0.3)
    assert exploration.budget(ListOptions(10, explore_slots=1)) == (1, 0.0)
    assert exploration.is_on(ListOptions(10, explore_slots=1))
    assert not exploration.is_on(ListOptions(10, explore_slots=0))


def test_estimates_from_the_logged_propensities_find_what_another_draw_earns() -> None:
    random, rng = Random(5), np.random.default_rng(5)
    eligible, weights = ["a", "b", "c", "d"], [0.6, 0.2, 0.15, 0.05]
    rates = dict(zip(eligible, [0.1, 0.5, 0.3, 0.7], strict=True))
    chance, truth = 0.8, 0.8 * 0.4  # a uniform draw with the same budget
    rows = []
    for clicked in rng.random(6000):
        # A list without a new item earns nothing by one, whichever item would have been drawn.
        row = (0.0, 1 - chance, 1 - chance)
        if random.random() < chance:
            (drawn,) = replace_one(page_of(1), eligible, weights, chance, random)
            row = (float(clicked < rates[drawn.item_id]), drawn.score, chance / len(eligible))
        rows.append(row)
    logged = Logged(*np.array(rows).T)
    assert logged.reward.mean() < truth - 0.1
    for found in (inverse_propensity(logged), self_normalised(logged)):
        assert found.low < truth < found.high
        assert found.high - found.low < 0.1


def world() -> World:
    made, now = World(), int(time.time() * 1000)
    # i25 is known, i26 hidden, i27 old, i28 not out yet.
    made.newest = {"i20": now - DAY_MS, "i21": now - DAY_MS, "i25": now - DAY_MS, "i26": now - DAY_MS}
    made.newest |= {"i27": now - 90 * DAY_MS, "i28": now + DAY_MS}
    made.histories = {"ann": ["i25"]}
    made.attributes = {"i26": {"hidden": "true"}}
    return made


def answer(api: Client, url: str, query: dict[str, Any], **settings: Any) -> list[dict[str, Any]]:
    async def scenario() -> list[dict[str, Any]]:
        async with api(url, **settings) as client:
            response = await client.get("/v1/users/ann/recommendations", params=query)
            found: list[dict[str, Any]] = response.json()["items"]
            return found

    return asyncio.run(scenario())


def test_slots_hold_new_items_that_pass_every_filter_and_the_log_says_so(
    redis_url: str, api: Client, caplog: pytest.LogCaptureFixture
) -> None:
    world().write(redis_url)
    with caplog.at_level(logging.INFO, "headwater.exploration"):
        found = answer(api, redis_url, {"n": 6}, explore_slots=1)
    assert not [r for r in caplog.records if "ann" in r.getMessage()]  # no log names the user
    (explored,) = [item for item in found if item["source"] == "explore"]
    assert explored["item_id"] in ("i20", "i21")
    assert explored["propensity"] == explored["score"] == 0.5
    assert all("propensity" not in item for item in found if item is not explored)
    (line,) = [json.loads(r.getMessage()) for r in caplog.records if r.name == "headwater.exploration"]
    assert line == {
        "explored": [{"item_id": explored["item_id"], "rank": explored["rank"], "propensity": 0.5}],
        "model_version": "v1",
        "eligible": 2,
    }


def test_exploration_is_off_by_default_and_a_filter_may_leave_no_items_for_it(
    redis_url: str, api: Client
) -> None:
    world().write(redis_url)
    assert {item["source"] for item in answer(api, redis_url, {"n": 6})} == {"als", "popular"}
    query = {"n": 6, "exclude": ["i20", "i21"]}
    found = answer(api, redis_url, query, explore_slots=3)
    assert "explore" not in {item["source"] for item in found}
    (only,) = [
        i
        for i in answer(api, redis_url, {"n": 6, "fields": "propensity"}, explore_slots=1)
        if "propensity" in i
    ]
    assert only.keys() == {"item_id", "propensity"}


def test_with_a_share_one_place_has_a_new_item_and_the_answer_states_its_propensity(
    redis_url: str, api: Client
) -> None:
    world().write(redis_url)
    found = answer(api, redis_url, {"n": 10}, explore_new=1.0, explore_slots=3)  # the share goes first
    (explored,) = [item for item in found if item["source"] == "explore"]
    assert explored["item_id"] in ("i20", "i21")
    assert explored["propensity"] == pytest.approx(0.5)
    assert len(found) == 10
    short = [answer(api, redis_url, {"n": 1}, explore_new=0.01) for _ in range(3)]
    assert [len(items) for items in short] == [1, 1, 1]
