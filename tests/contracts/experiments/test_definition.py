"""A definition is read whole or refused with a sentence."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from contracts.experiments.definition import Definition

ARMS = [{"name": "control"}, {"name": "diverse", "parameters": {"diversity": 0.5}}]
FIELDS: dict[str, Any] = {"name": "more-diverse", "hypothesis": "Variety is clicked more.", "arms": ARMS}


def test_the_first_arm_is_the_control_and_every_metric_comes_once() -> None:
    guardrails = [{"metric": "session_length"}, {"metric": "clicks_per_user", "may_lose": 0.1}]
    found = Definition.model_validate(FIELDS | {"guardrails": guardrails})
    assert found.control.name == "control"
    assert found.changed_parameters() == {"diversity"}
    assert found.all_metrics == (
        "click_through_rate",
        "clicks_per_user",
        "conversions_per_user",
        "session_length",
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"arms": [{"name": "a", "weight": 0}, {"name": "b", "weight": 0}]}, "sum to zero"),
        ({"arms": [{"name": "a", "weight": 0}, {"name": "b"}]}, "there is no comparison"),
        ({"arms": [{"name": "a"}, {"name": "a"}]}, "two arms are called a"),
        ({"arms": [{"name": "a"}]}, "at least 2 items"),
        ({"arms": [{"name": f"a{n}"} for n in range(10_000)]}, "at most 20 items"),
        ({"arms": [{"name": "a"}, {"name": "b", "parameters": {"colour": "red"}}]}, "Extra inputs"),
        (
            {"arms": [{"name": "a"}, {"name": "b", "parameters": {"strategies": ["magic"]}}]},
            "Input should be",
        ),
        ({"arms": [{"name": "a"}, {"name": "b", "weight": float("nan")}]}, "finite number"),
        ({"arms": [{"name": "a"}, {"name": "b", "weight": -1}]}, "greater than or equal to 0"),
        ({"name": "Mit Leerzeichen"}, "match pattern"),
        ({"name": "a\n"}, "match pattern"),
        ({"name": "../../etc"}, "match pattern"),
        ({"name": "<script>"}, "match pattern"),
        ({"hypothesis": ""}, "at least 1 character"),
        ({"testers": {"tom": "nobody"}}, "no arm has this name"),
        ({"primary": "money"}, "Input should be"),
        ({"minimum_effect": 0}, "greater than 0"),
        ({"audience": {"share": 0}}, "greater than 0"),
    ],
)
def test_an_invalid_definition_is_refused_with_the_reason(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Definition.model_validate(FIELDS | changes)


def test_the_experiment_in_the_documentation_is_valid() -> None:
    page = (Path(__file__).parents[3] / "docs" / "experiments.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    assert Definition.model_validate_json(shown).control.name == "as-now"
