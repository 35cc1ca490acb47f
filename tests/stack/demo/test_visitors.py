from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from contracts.experiments.definition import Definition
from contracts.experiments.record import Experiment, define, start, stop
from experiments.api import ExperimentApi, ExperimentApiError
from ingest.simulated.source import SyntheticWorld, WorldSize
from ingest.simulated.visitors import Visit, Visitors
from stack.demo.visitors import DEFINITION, NAME, begin_experiment, serves_a_model, stay
from stack.status.api_client import ApiError

WORLD = SyntheticWorld(WorldSize(users=20, items=50, ratings=100))
DRAFT = define(Definition.model_validate(DEFINITION), None, now_ms=1)


class NotedSite:
    """Shows every item of the world, and notes the events."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.events: list[dict[str, object]] = []

    def ask(self, user_id: str, session_id: str) -> Any:
        self.asked.append((user_id, session_id))
        items = [{"item_id": WORLD.item_id(item)} for item in range(WORLD.size.items)]
        return {"items": items, "recommendation_id": f"list {len(self.asked)}"}

    def send(self, events: list[dict[str, object]]) -> None:
        self.events += events


class NotedExperiments(ExperimentApi):
    """Holds at most one experiment, and refuses calls if the test says so."""

    def __init__(self, held: Experiment | None, refuses: bool = False) -> None:
        self.held, self.refuses, self.calls = held, refuses, list[str]()

    def all(self) -> list[Experiment]:
        return [self.held] if self.held else []

    def define(self, definition: object) -> Experiment:
        self.calls.append("define")
        self.held = define(Definition.model_validate(definition), self.held, now_ms=2)
        return self.held

    def start(self, name: str) -> Experiment:
        if self.refuses:
            raise ExperimentApiError("another one changes the strategies too")
        assert self.held is not None
        self.calls.append("start")
        self.held = start(self.held, [], now_ms=3)
        return self.held


def test_a_visit_asks_for_its_lists_and_every_rating_names_the_list_it_came_from() -> None:
    site, visitors = NotedSite(), Visitors(WORLD, np.random.default_rng(5))
    for user in range(WORLD.size.users):
        stay(visitors, Visit(user, f"visit {user}", lists=3), site, lists_a_second=1e9)
    assert site.asked == [(WORLD.user_id(user), f"visit {user}") for user in range(20) for _ in range(3)]
    assert site.events
    for event in site.events:
        place = int(str(event["recommendation_id"]).removeprefix("list ")) - 1
        assert site.asked[place] == (event["user_id"], event["session_id"])


@pytest.mark.parametrize(
    ("held", "calls"),
    [
        (None, ["define", "start"]),
        (DRAFT, ["start"]),
        (start(DRAFT, [], now_ms=2), []),
        (stop(start(DRAFT, [], now_ms=2), "decided", now_ms=3), []),
    ],
)
def test_the_experiment_is_started_once_and_never_after_somebody_stopped_it(
    held: Experiment | None, calls: list[str]
) -> None:
    api = NotedExperiments(held)
    begin_experiment(api)
    assert api.calls == calls


def test_the_demo_continues_if_the_experiment_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    begin_experiment(NotedExperiments(None, refuses=True))
    assert f"the experiment {NAME} has not started: another one" in caplog.text


def test_the_experiment_has_two_arms_and_a_guardrail_to_watch() -> None:
    assert [arm.name for arm in DRAFT.definition.arms] == ["popular", "personal"]
    assert [each.metric for each in DRAFT.definition.guardrails] == ["session_length"]


def test_visits_begin_when_the_first_model_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[Any] = [ApiError("not yet"), {"model_version": None}, {"model_version": "v1"}]

    def answer(*args: object, **more: object) -> Any:
        assert more == {"exposure": False, "key": None}  # no user sees this list
        found = answers.pop(0)
        if isinstance(found, ApiError):
            raise found
        return found

    monkeypatch.setattr("stack.demo.visitors.api_client.recommendations", answer)
    assert [serves_a_model("http://api", "u1") for _ in range(3)] == [False, False, True]
