from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import SecretStr
from typer.testing import CliRunner

from stack.status.api_client import ApiError
from stack.users import commands

ANSWER = {"user_id": "ä/b", "keys": ["hw:one", "hw:two"]}


@pytest.fixture
def api_calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """The users whom the API was asked about; it answers ANSWER, and refuses "nobody"."""
    found: list[Any] = []

    def answer(api: str, user_id: str, key: SecretStr | None) -> Any:
        found.append((api, user_id, key.get_secret_value() if key else None))
        if user_id == "nobody":
            raise ApiError("the API did not answer")
        return ANSWER

    monkeypatch.setattr(commands, "export_user", answer)
    monkeypatch.setenv("API_URL", "http://api")
    monkeypatch.setenv("API_KEY", "the-key")
    monkeypatch.setenv("LAKE_URI", str(tmp_path / "lake"))
    return found


def _run(*words: str) -> Any:
    app = typer.Typer()
    commands.register(app)
    app.callback()(lambda: None)
    return CliRunner().invoke(app, ["users", "export", *words])


def test_the_export_joins_what_redis_and_the_lake_hold(api_calls: list[Any], tmp_path: Path) -> None:
    printed = _run("ä/b")
    assert json.loads(printed.output) == {
        "redis": ANSWER,
        "lake": {"interactions": [], "exposures": [], "catalog": []},
    }
    assert api_calls == [("http://api", "ä/b", "the-key")]
    file = tmp_path / "user.json"
    written = _run("ä/b", "--out", str(file))
    assert json.loads(file.read_text(encoding="utf-8")) == json.loads(printed.output)
    assert "2 keys of Redis, 0 rows of interactions" in written.output


def test_an_api_that_does_not_answer_is_one_sentence_with_its_cure(api_calls: list[Any]) -> None:
    found = _run("nobody")
    assert found.exit_code == 1
    assert "API_URL" in found.output
    assert len(found.output.splitlines()) == 1
