from __future__ import annotations

import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from stack.cli import PARTS, Part, _add, build_app


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.module)
def test_each_package_adds_the_commands_that_are_listed_for_it(part: Part) -> None:
    app = typer.Typer()
    assert _add(part, app) is None
    names = [
        command.name or command.callback.__name__ for command in app.registered_commands if command.callback
    ]
    names += [group.name or "" for group in app.registered_groups]
    assert sorted(names) == sorted(part.commands)


def test_help_lists_every_command() -> None:
    answer = CliRunner().invoke(build_app(["--help"]), ["--help"])
    assert answer.exit_code == 0
    assert all(f"\n  {name}" in answer.output for part in PARTS for name in part.commands)


def test_a_command_of_a_package_that_is_not_installed_gives_a_hint() -> None:
    hint = _add(Part("no_such_part.cli", "training", ("train",)), typer.Typer())
    assert hint is not None
    assert "pip install 'headwater[training]'" in hint


def test_the_version_is_shown() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "stack", "--version"], capture_output=True, text=True, check=True
    )
    assert answer.stdout.startswith("headwater 0.")
    assert build_app(["--version"]).registered_commands == []  # no part is imported for it
