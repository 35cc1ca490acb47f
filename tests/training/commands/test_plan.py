from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

from training.cli import register


def run(*arguments: str) -> str:
    app = typer.Typer()
    register(app)
    result = CliRunner().invoke(app, ["plan", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_the_plan_adds_up_and_grows_with_users_and_items() -> None:
    small, large = (
        json.loads(run("--users", str(users), "--items", "1000", "--n", "50", "--json"))
        for users in (1000, 10_000)
    )
    assert small["total"] == sum(small["bytes"].values())
    assert 5 < large["bytes"]["histories"] / small["bytes"]["histories"] < 12
    assert large["total"] > small["total"]


def test_the_table_says_when_the_budget_is_too_small(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REDIS_MEMORY_BUDGET", "1000000")
    text = run("--users", "6040", "--items", "3706", "--interactions", "1000209")
    assert "Redis for 6,040 users, 3,706 items, 1,000,209 interactions, lists of 100:" in text
    assert "histories" in text
    assert "more than REDIS_MEMORY_BUDGET (1.0 MB)" in text
