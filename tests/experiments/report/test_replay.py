"""The report on draws beside the truth of a world in which every item's click rate is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from contracts.settings import ExperimentSettings
from experiments.observations.draws import NO_ITEM, Draws
from experiments.report.ranking_file import EVERYBODY
from experiments.report.replay import as_text, replay_report, report_of_draws
from tests.experiments.lake_rows import START

USERS, LISTS, CHANCE = 2000, 20, 0.5
RATES = np.array([0.05, 0.1, 0.2, 0.3, 0.5])  # clicks for a shown item
DRAWN_WITH = np.array([0.4, 0.3, 0.15, 0.1, 0.05])
NAMES = [f"i{place}" for place in range(len(RATES))]
BETTER = {EVERYBODY: {"i3": 1.0, "i4": 3.0}}
WORTH = 0.25 * 0.3 + 0.75 * 0.5


def world(seed: int) -> Draws:
    """Half of the lists have a draw; users differ in how much they click."""
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(USERS), LISTS)
    item = rng.choice(len(RATES), len(user), p=DRAWN_WITH)
    appetite = rng.uniform(0.5, 1.5, USERS)[user]
    clicked = (rng.random(len(user)) < RATES[item] * appetite).astype(float)
    is_drawn = rng.random(len(user)) < CHANCE
    return Draws(
        user_ids=pa.array([f"u{each}" for each in range(USERS)]),
        item_ids=pa.array(NAMES),
        user=user,
        item=np.where(is_drawn, item, NO_ITEM),
        propensity=np.where(is_drawn, CHANCE * DRAWN_WITH[item], 1.0),
        clicked=np.where(is_drawn, clicked, 0.0),
    )


def test_each_estimate_finds_what_the_other_ranking_earns() -> None:
    report = report_of_draws(world(3), BETTER, START)
    assert report.as_drawn.value == pytest.approx(float(RATES @ DRAWN_WITH), abs=0.01)
    for found in (report.inverse_propensity, report.self_normalised, report.doubly_robust):
        assert found.value == pytest.approx(WORTH, abs=0.04)
        assert found.low is not None
        assert found.high is not None
        assert found.low < WORTH < found.high
    assert report.unseen == 0
    assert report.decisions == USERS * LISTS


def test_without_a_file_all_drawn_items_are_alike() -> None:
    report = report_of_draws(world(4), None, START)
    assert report.self_normalised.value == pytest.approx(float(RATES.mean()), abs=0.03)


def test_a_personal_ranking_counts_for_its_users_and_says_what_was_never_drawn() -> None:
    personal = {f"u{each}": {"i4": 1.0, "never": 1.0} for each in range(USERS // 2)}
    report = report_of_draws(world(5), personal, START)
    assert (report.users, report.unseen) == (USERS // 2, 0.5)
    assert report.self_normalised.value == pytest.approx(0.5, abs=0.05)  # of what was drawn
    assert report.inverse_propensity.value == pytest.approx(0.25, abs=0.05)  # the rest earns nothing


def test_the_text_has_a_line_for_each_estimate_and_no_draw_is_one_sentence(tmp_path: Path) -> None:
    lines = as_text(report_of_draws(world(6), BETTER, START)).splitlines()
    assert [line.split("  ")[0] for line in lines[2:]] == [
        "as it was drawn",
        "inverse propensity (IPS)",
        "self-normalised (SNIPS)",
        "doubly robust",
    ]
    nothing = replay_report(ExperimentSettings(lake_uri=str(tmp_path)), None, START, 24)
    assert nothing.doubly_robust.value is None
    assert as_text(nothing).startswith("no place was drawn")
