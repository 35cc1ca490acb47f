"""From the API's answers to a decision: a better arm is found, a harmful one is stopped by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Any

import httpx
import numpy as np
import pytest

from contracts.experiments.definition import Definition
from contracts.experiments.look import SETTLING_MS, Look
from contracts.experiments.record import Experiment, stop, stop_arm
from contracts.experiments.report import Report
from contracts.settings import ExperimentSettings
from experiments import run
from experiments.api import ExperimentApi
from experiments.observations.rows import ExperimentRows
from experiments.observations.units import DAY_MS, observe
from experiments.report.make import make_report
from serving.app import create_app
from tests.experiments.lake_rows import HOUR, START, exposure, interaction, rows, running, users_of
from tests.serving.conftest import settings_of, until
from tests.serving.world import World

USERS = 300
TASTE = {f"i{n:02}": 0.5 if n < 10 else 0.1 for n in range(30)}  # how likely a shown item is clicked
ARMS = [
    {"name": "newest", "parameters": {"strategies": ["newest"]}},
    {"name": "popular", "parameters": {"strategies": ["popular"]}},
]


def test_a_report_on_simulated_users_finds_the_better_of_two_arms_of_a_running_api(redis_url: str) -> None:
    """The rows are made from the API's answers, as its exposures are."""
    world = World(newest={f"i{n:02}": START + n for n in range(30)})
    world.write(redis_url)
    shape: dict[str, Any] = {"name": "e", "hypothesis": "h", "arms": ARMS, "minimum_effect": 0.2}

    async def answers() -> list[dict[str, Any]]:
        app = create_app(settings_of(redis_url=redis_url))
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                assert (await client.post("/v1/experiments", json=shape)).status_code == 201
                assert (await client.post("/v1/experiments/e/start")).status_code == 200

                async def ask(user: int) -> dict[str, Any]:
                    answer = await client.get(f"/v1/users/u{user}/recommendations", params={"n": 5})
                    found: dict[str, Any] = answer.json()
                    return found

                async def names_an_arm() -> bool:
                    return bool((await ask(0))["arm"])

                await until(names_an_arm, True)
                return [await ask(user) for user in range(USERS)]

    rng = np.random.default_rng(61)
    exposures, clicks = [], []
    for answer in asyncio.run(answers()):
        user, items = answer["user_id"], [each["item_id"] for each in answer["items"]]
        row = exposure(user, "", "", START + HOUR) | {"arm": answer["arm"]}
        row["items"] = [{"item_id": item, "rank": 1, "source": ""} for item in items]
        exposures.append(row)
        clicks += [interaction(user, item, START + 2 * HOUR) for item in items if rng.random() < TASTE[item]]
    definition = Definition.model_validate(shape)
    experiment = Experiment(definition=definition, state="running", created_at=START, started_at=START)
    report = make_report(
        experiment, observe(experiment, rows(exposures, clicks), HOUR * 24, START + 2 * DAY_MS, 4.0)
    )
    assert report.refused_exposures == 0
    assert sum(arm.users for arm in report.arms) == USERS
    assert report.decision.startswith("popular is better: click_through_rate +")


class NotedApi(ExperimentApi):
    """Holds one experiment, and changes it as the API would."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self.looks: list[Look] = []
        self.reports: list[Report] = []

    def all(self) -> list[Experiment]:
        return [self.experiment]

    def keep_look(self, name: str, look: Look) -> None:
        self.looks.append(look)

    def keep_report(self, report: Report, now_ms: int) -> None:
        self.reports.append(report)

    def stop_arm(self, name: str, arm: str, reason: str) -> Experiment:
        self.experiment = stop_arm(self.experiment, arm, reason, START + DAY_MS)
        return self.experiment


def lists(experiment: Experiment, arm: str, clicked: float) -> Iterable[tuple[Any, list[Any]]]:
    """Exposures of 200 users of an arm, with the clicks of a share of them."""
    for place, user in enumerate(users_of(experiment, arm, 200)):
        yield (
            exposure(user, arm, "x", START),
            [interaction(user, "x", START + 1)] if place < 200 * clicked else [],
        )


def test_a_harmful_arm_is_stopped_by_its_guardrail_and_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = running(arms=3, guardrails=[{"metric": "click_through_rate", "may_lose": 0.1}])
    pairs = [
        pair
        for arm, clicked in (("a", 0.6), ("b", 0.2), ("c", 0.6))
        for pair in lists(experiment, arm, clicked)
    ]
    found = rows([row for row, _ in pairs], [click for _, clicks in pairs for click in clicks])
    asked: list[Any] = []

    def read(lake_uri: str, *where: Any) -> ExperimentRows:
        asked.append(where)
        return found

    monkeypatch.setattr(run, "read_rows", read)
    api = NotedApi(experiment)
    said = list(run.watch(ExperimentSettings(), api))
    assert len(said) == 1
    assert said[0].startswith(
        "e: b is stopped by its guardrail: click_through_rate is surely more than 10% below"
    )
    assert [each.arm for each in api.experiment.stopped_arms] == ["b"]
    assert api.experiment.state == "running"
    assert list(run.watch(ExperimentSettings(), api)) == []
    assert asked[0] == ("e/1", START - 14 * DAY_MS, START)
    # Each look is kept, and its interval of the harmful arm lies below zero.
    assert [look.run for look in api.looks] == [1, 1]
    assert [[arm.stopped is None for arm in each.arms] for each in api.reports] == [
        [True] * 3,
        [True, False, True],
    ]
    arms = {each.arm: each for each in api.looks[0].arms}
    assert (arms["b"].users, arms["b"].lift) == (200, pytest.approx(0.2 / 0.6 - 1))
    assert arms["b"].high is not None
    assert arms["b"].high < 0


def test_the_report_on_an_experiment_that_was_just_stopped_is_kept_until_the_lake_has_what_was_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run, "read_rows", lambda *_: rows([], []))
    now_ms = time.time_ns() // 1_000_000
    for stopped_at, states in ((now_ms, ["stopped"]), (now_ms - SETTLING_MS - 1, [])):
        api = NotedApi(stop(running(), "seen enough", stopped_at))
        assert list(run.watch(ExperimentSettings(), api)) == []
        assert ([each.state for each in api.reports], api.looks) == (states, [])


def test_a_bound_that_is_not_finite_is_no_bound() -> None:
    experiment = running(arms=2)
    report = make_report(experiment, observe(experiment, rows([], []), HOUR * 24, START + HOUR, 4.0))
    (arm,) = run.look_of(report, START + HOUR).arms
    assert (arm.arm, arm.users, arm.lift, arm.low, arm.high) == ("b", 0, None, None, None)
