"""Whole lists replayed from an experiment's arms, beside the truth of a world whose users' taste is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from contracts.experiments.assignment import Arms
from contracts.experiments.record import Experiment, StoppedArm
from experiments.observations.arm_choices import choices_of
from experiments.observations.units import observe
from experiments.report.replay import report_of_draws
from ingest.simulated.source import START_MS, SyntheticWorld, WorldSize
from ingest.simulated.visitors import PATIENCE, Visitors, attraction
from tests.experiments.lake_rows import DAY, HOUR, START, exposure, interaction, rows, running

WORLD = SyntheticWorld(WorldSize(users=600, items=200, ratings=1000, seed=7))
SHOWN, WEIGHTS = 10, (3.0, 1.0)
TASTES = [WORLD.expected_rating(user, START_MS) for user in range(WORLD.size.users)]
POPULAR = np.argsort(-np.mean(TASTES, axis=0))[:SHOWN]
LISTS = {"a": [POPULAR] * len(TASTES), "b": [np.argsort(-taste)[20 : 20 + SHOWN] for taste in TASTES]}
ARMS = [{"name": name, "weight": weight} for name, weight in zip(LISTS, WEIGHTS, strict=True)]


def worth(arm: str, user: int) -> float:
    """How many clicks a list brings in the mean."""
    looked_at = PATIENCE ** np.arange(SHOWN)
    items = LISTS[arm][user]
    return float(looked_at @ [attraction(float(each)) for each in TASTES[user][items]])


# For each user, the arm that suits the user better: no mean over an arm says what this earns.
BETTER = ["a" if worth("a", user) > worth("b", user) else "b" for user in range(len(TASTES))]
TRUTH = float(np.mean([worth(arm, user) for user, arm in enumerate(BETTER)]))


def visits_of(experiment: Experiment, seed: int, lists: int = 1, **fields: Any) -> Any:
    """What every user saw and did in the arm that the experiment chose; each list is a session."""
    visitors, arms = Visitors(WORLD, np.random.default_rng(seed)), Arms(experiment)
    shown, clicks = [], []
    for user in range(len(TASTES)):
        for number in range(lists):
            name, session = WORLD.user_id(user), f"{user}/{number}"
            unit = name if experiment.definition.unit == "user" else session
            assigned = arms.assign(unit)
            assert assigned is not None
            items = [WORLD.item_id(item) for item in LISTS[assigned.arm.name][user]]
            named = [{"item_id": item, "rank": rank, "source": ""} for rank, item in enumerate(items, 1)]
            at = START + user + number
            more = fields | {"session_id": session, "recommendation_id": session, "arm": assigned.text}
            shown.append(exposure(name, assigned.arm.name, "", at) | more | {"items": named})
            rated = visitors.ratings(user, items, START_MS)
            ids = {"session_id": session, "recommendation_id": session}
            clicks += [interaction(name, item, at + 1, **ids) for item in rated]
    return observe(experiment, rows(shown, clicks), HOUR, START + DAY, 4.0)


def rule() -> dict[str, dict[str, float]]:
    return {WORLD.user_id(user): {arm: 1.0} for user, arm in enumerate(BETTER)}


def test_a_rule_by_taste_earns_what_the_replay_of_whole_lists_says() -> None:
    assert {"a", "b"} == set(BETTER)
    covered: list[list[bool]] = []
    values = []
    for run in range(16):  # other salts: other assignments
        experiment = running(arms=2).model_copy(update={"run": run + 1})
        experiment = experiment.model_copy(
            update={"definition": experiment.definition.model_validate(_shape("user"))}
        )
        report = report_of_draws(choices_of(experiment, visits_of(experiment, run)), rule(), START)
        found = (report.inverse_propensity, report.self_normalised, report.doubly_robust)
        covered.append([each.low < TRUTH < each.high for each in found])  # type: ignore[operator]
        values.append([each.value for each in found])
    assert (np.mean(covered, axis=0) > 0.8).all(), np.mean(covered, axis=0)
    assert np.mean(values, axis=0) == pytest.approx([TRUTH] * 3, rel=0.03)
    spread = np.std(values, axis=0)
    assert spread[1] < spread[0]
    assert spread[2] < spread[0]


def _shape(unit: str) -> dict[str, Any]:
    return {"name": "e", "hypothesis": "h", "arms": ARMS, "unit": unit}


def test_sessions_count_for_their_users_and_what_no_known_user_saw_for_nobody() -> None:
    shape = running(arms=2).definition.model_validate(_shape("session"))
    experiment = running(arms=2).model_copy(update={"definition": shape})
    choices = choices_of(experiment, visits_of(experiment, 3, lists=3))
    assert (len(choices.user), len(choices.user_ids)) == (3 * len(TASTES), len(TASTES))
    report = report_of_draws(choices, rule(), START)
    assert report.self_normalised.value == pytest.approx(TRUTH, rel=0.1)
    unnamed = visits_of(experiment, 3, user_id=None)
    assert len(choices_of(experiment, unnamed).user) == 0


def test_only_units_from_before_an_arm_was_stopped_count() -> None:
    experiment = running(arms=2)
    observed = visits_of(experiment, 4)
    at = START + len(TASTES) // 2 - 1
    stopped = experiment.model_copy(update={"stopped_arms": (StoppedArm(arm="b", at=at, reason="harm"),)})
    assert len(choices_of(stopped, observed).user) == len(TASTES) // 2


def test_an_arm_without_a_weight_is_one_that_nobody_was_put_into() -> None:
    experiment = running(arms=3)
    arms = [{"name": "a", "weight": 1}, {"name": "z", "weight": 0}, {"name": "b", "weight": 1}]
    shape = experiment.definition.model_validate(_shape("user") | {"arms": arms})
    experiment = experiment.model_copy(update={"definition": shape})
    choices = choices_of(experiment, visits_of(experiment, 5))
    assert (choices.item_ids.to_pylist(), set(choices.propensity)) == (["a", "b"], {0.5})
    report = report_of_draws(choices, {"": {"b": 1.0, "z": 1.0}}, START)
    assert report.unseen == 0.5
    of_b = np.mean([worth("b", user) for user in range(len(TASTES))])
    assert report.self_normalised.value == pytest.approx(of_b, rel=0.05)
