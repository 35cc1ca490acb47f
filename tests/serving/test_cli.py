from __future__ import annotations

import json
from pathlib import Path

import typer
from typer.testing import CliRunner

from serving.cli import register
from tests.serving.world import World

app = typer.Typer()
register(app)


def test_export_recommendations_writes_every_user(redis_url: str, tmp_path: Path) -> None:
    World().write(redis_url)
    file = tmp_path / "lists.jsonl"
    command = ["export", "recommendations", str(file), "--n", "3", "--redis-url", redis_url]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert [json.loads(line) for line in file.read_text().splitlines()] == [
        {"user_id": "ann", "items": ["i10", "i11", "i02"]},
        {"user_id": "bob", "items": ["i00", "i01", "i02"]},
    ]


def test_without_redis_the_export_fails_and_names_the_cure(tmp_path: Path) -> None:
    file = tmp_path / "lists.jsonl"
    command = ["export", "recommendations", str(file), "--redis-url", "redis://127.0.0.1:1/0"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 1
    assert "--redis-url" in result.output
    assert not file.exists()


def test_a_list_of_no_items_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["export", "recommendations", str(tmp_path / "x"), "--n", "0"])
    assert result.exit_code == 2
