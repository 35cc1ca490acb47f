from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from contracts.experiments.definition import Definition
from contracts.experiments.record import Experiment, define, start, stop
from experiments.api import ExperimentApiError
from stack.machine.start_plan import Plan
from stack.processes.run_state import Folders
from stack.run.guardrails import WATCH, GuardrailWatch
from stack.run.supervisor import Supervisor

SHAPE: dict[str, Any] = {"name": "e", "hypothesis": "h", "arms": [{"name": "a"}, {"name": "b"}]}
DRAFT = define(Definition.model_validate(SHAPE), None, now_ms=1)
RUNNING = start(DRAFT, [], now_ms=2)
STOPPED = stop(RUNNING, "done", now_ms=3)


class NotedSupervisor(Supervisor):
    """Starts nothing, and notes the plans that it should start."""

    def __init__(self, folder: Path) -> None:
        super().__init__(Folders(folder), os.environ, strict=True, say=print)
        self.started: list[Plan] = []
        self.busy = False

    def start(self, plan: Plan) -> None:
        self.started.append(plan)

    def runs(self, name: str) -> bool:
        return self.busy


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def api_answer(monkeypatch: pytest.MonkeyPatch) -> list[Experiment]:
    """The API's experiments; it does not answer while the list is empty."""
    monkeypatch.setenv("GUARDRAILS_EVERY_SECONDS", "60")
    found: list[Experiment] = []

    def ask(api: object) -> list[Experiment]:
        if not found:
            raise ExperimentApiError("The API does not answer")
        return found

    monkeypatch.setattr("experiments.api.ExperimentApi.all", ask)
    return found


def test_a_look_starts_when_it_is_due_and_an_experiment_runs(
    tmp_path: Path, api_answer: list[Experiment]
) -> None:
    supervisor, clock = NotedSupervisor(tmp_path), Clock()
    watch = GuardrailWatch(supervisor, "http://nobody", clock)
    counts = []
    just_stopped = stop(RUNNING, "done", now_ms=time.time_ns() // 1_000_000)
    for experiments in ([RUNNING], [], [STOPPED], [DRAFT], [DRAFT, RUNNING], [just_stopped]):
        api_answer[:] = experiments
        watch.look_when_due()  # not due: nothing happens
        clock.now += 60
        watch.look_when_due()
        counts.append(len(supervisor.started))
    assert counts == [1, 1, 1, 1, 2, 3]
    assert supervisor.started == [WATCH] * 3


def test_no_look_starts_while_another_runs(tmp_path: Path, api_answer: list[Experiment]) -> None:
    api_answer[:] = [RUNNING]
    supervisor, clock = NotedSupervisor(tmp_path), Clock()
    watch = GuardrailWatch(supervisor, "http://nobody", clock)
    supervisor.busy = True
    clock.now += 60
    watch.look_when_due()
    assert supervisor.started == []


def test_zero_seconds_turn_looks_off(
    tmp_path: Path, api_answer: list[Experiment], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUARDRAILS_EVERY_SECONDS", "0")
    api_answer[:] = [RUNNING]
    supervisor, clock = NotedSupervisor(tmp_path), Clock()
    watch = GuardrailWatch(supervisor, "http://nobody", clock)
    clock.now += 1e6
    watch.look_when_due()
    assert supervisor.started == []


def test_the_command_that_is_started_exists() -> None:
    assert WATCH.command[2:] == ("stack", "experiments", "watch", "--once")
    assert WATCH.may_fail
