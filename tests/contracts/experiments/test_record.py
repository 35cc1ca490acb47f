"""The life of an experiment, and the form in which it is stored."""

from __future__ import annotations

import json
from typing import Any

import pytest

from contracts.experiments.definition import Definition
from contracts.experiments.record import (
    FORMAT,
    Experiment,
    ExperimentError,
    define,
    start,
    stop,
    stop_arm,
)

# A record of format 1 as it was first written: it must be read as long as the format is.
UNSET = (
    '"known": null, "filter": null, "diversity": %s, "per_category": null, "freshness": null, '
    '"rotation": null, "strategies": null, "explore_slots": null, "explore_new": null, '
    '"model_version": null'
)
STORED = (
    '{"format": 1, "definition": {"name": "e", "hypothesis": "h", "arms": [{"name": "control", '
    f'"weight": 1.0, "parameters": {{{UNSET % "null"}}}}}, '
    f'{{"name": "b", "weight": 1.0, "parameters": {{{UNSET % "0.5"}}}}}], '
    '"audience": {"share": 1.0, "segment": null}, "unit": "user", "primary": "click_through_rate", '
    '"metrics": ["clicks_per_user", "conversions_per_user"], "guardrails": [], "minimum_effect": 0.05, '
    '"planned_days": 14, "testers": {}}, "state": "draft", "run": 1, "created_at": 5, "started_at": null, '
    '"stopped_at": null, "stop_reason": "", "stopped_arms": []}'
)


def definition(name: str = "e", arms: int = 2, **parameters: Any) -> Definition:
    others = [
        {"name": f"b{n}" if n else "b", "parameters": parameters or {"diversity": 0.5}}
        for n in range(arms - 1)
    ]
    return Definition.model_validate(
        {"name": name, "hypothesis": "h", "arms": [{"name": "control"}, *others]}
    )


def test_the_stored_form_is_that_of_the_recorded_format() -> None:
    assert define(definition(), None, 5).to_json() == STORED
    assert Experiment.from_json(STORED) == define(definition(), None, 5)
    # As it was stored before arms could set explore_new.
    assert Experiment.from_json(STORED.replace('"explore_new": null, ', "")) == define(definition(), None, 5)


def test_a_running_experiment_is_not_changed_and_a_stopped_one_starts_again_with_a_new_salt() -> None:
    first = start(define(definition(), None, 1), [], 2)
    with pytest.raises(ExperimentError, match="stop it, define it again"):
        define(definition(arms=3), first, 3)
    second = define(definition(arms=3), stop(first, "done", 4), 5)
    assert (second.state, second.run, second.started_at) == ("draft", 2, None)
    assert second.salt != first.salt
    with pytest.raises(ExperimentError, match="is running: define it again"):
        start(first, [], 6)
    with pytest.raises(ExperimentError, match="is draft, not running"):
        stop(second, "", 6)


def test_a_name_counts_on_from_its_last_run_that_started() -> None:
    draft = define(definition(), None, 1, last_run=3)
    assert (draft.run, draft.last_run, define(definition(arms=3), draft, 2).run) == (4, 3, 4)
    running = start(draft, [], 2)
    assert running.last_run == 4
    # A record that was restored may be older than what is remembered.
    assert define(definition(), stop(running, "done", 3), 4, last_run=7).run == 8


def test_two_experiments_that_change_the_same_parameter_do_not_run_at_once() -> None:
    running = start(define(definition("one"), None, 1), [], 1)
    with pytest.raises(ExperimentError, match="one is running and changes diversity too"):
        start(define(definition("two"), None, 1), [running], 1)
    assert start(define(definition("two", freshness=0.2), None, 1), [running], 1).state == "running"
    with pytest.raises(ExperimentError, match="stop one of them first"):
        start(
            define(definition("new", freshness=0.2), None, 1),
            [start(define(definition(f"e{n}"), None, 1), [], 1) for n in range(10)],
            1,
        )


def test_an_arm_is_stopped_alone_and_the_last_one_stops_the_experiment() -> None:
    running = start(define(definition(arms=3), None, 1), [], 1)
    one = stop_arm(running, "b", "harmful", 2)
    assert (one.state, one.stopped_arms[0].reason) == ("running", "harmful")
    both = stop_arm(one, "b1", "harmful too", 3)
    assert (both.state, both.stopped_at) == ("stopped", 3)
    assert "its last arm" in both.stop_reason
    for arm, reason in (("control", "stop the whole"), ("b", "stopped already"), ("x", "has no arm 'x'")):
        with pytest.raises(ExperimentError, match=reason):
            stop_arm(one, arm, "", 4)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[]", "damaged"),
        ("nonsense", "damaged"),
        ('{"format": 1}', "damaged"),
        (json.dumps({"format": FORMAT + 1}), "update this one"),
    ],
)
def test_an_unreadable_record_is_refused_with_a_sentence(text: str, reason: str) -> None:
    with pytest.raises(ExperimentError, match=reason):
        Experiment.from_json(text)
