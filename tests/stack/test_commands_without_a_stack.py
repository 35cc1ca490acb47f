"""Every command without a running stack: one sentence that names a cure, never a traceback."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from stack.cli import build_app
from stack.invocation import connect_first
from stack.machine import doctor
from stack.machine.ports import LOOPBACK, free_port

# Arguments and exit code of every command; {folder} is an empty one, {file} a file in the way of a folder.
CASES: dict[str, tuple[str, int]] = {
    "setup": ("", 1),
    "demo": ("--ratings {folder}/absent --data-dir {folder}/data --once", 1),
    "up": ("--ratings {folder}/absent --data-dir {folder}/data", 1),
    "down": ("--data-dir {folder}", 0),
    "status": ("--data-dir {folder}", 3),
    "catalog import": ("{folder}/items.jsonl", 3),
    "mapping": ("{folder}/absent.json {folder}/definition.json", 1),
    "backup": ("{folder}/backup.tar", 3),
    "restore": ("{folder}/backup.tar", 3),
    "verify": ("", 2),
    "verify correct-times": ("", 2),
    "verify export-state": ("{folder}/state", 2),
    "ingest": ("synthetic", 3),
    "download": ("ml-latest-small --to {folder} --base-url http://127.0.0.1:1", 1),
    "rebuild": ("", 3),
    "repair": ("", 3),
    "rejects": ("", 3),
    "train": ("--once", 3),
    "plan": ("--users 1000 --items 1000", 0),
    "report": ("", 3),
    "report live": ("", 0),
    "report exposures": ("", 0),
    "tune": ("--storage {folder}/study.sqlite", 1),
    "models list": ("", 3),
    "models show": ("", 3),
    "models diff": ("a b", 3),
    "models promote": ("a", 3),
    "models republish": ("a", 3),
    "models rollback": ("", 3),
    "models prune": ("", 3),
    "models audit": ("", 3),
    "experiments create": ("{folder}/definition.json", 1),
    "experiments list": ("", 1),
    "experiments start": ("a", 1),
    "experiments stop": ("a", 1),
    "experiments report": ("a", 1),
    "experiments watch": ("", 1),
    "experiments replay": ("", 0),
    "predict": ("{folder}/definition.json --out {folder}/estimates.csv", 1),
    "users export": ("u1", 1),
    "export recommendations": ("{folder}/lists.jsonl", 1),
}
# One that starts Spark, one that asks Redis, one that asks Kafka.
HANGING = ("rebuild", "models list", pytest.param("rejects", marks=pytest.mark.slow))
# Their exit code depends on the machine, or what they print is a table.
TABLES = {"status", "doctor"}
CURE = re.compile(r"`headwater|--[a-z]|[A-Z]+_[A-Z]+|Nothing runs on|give |name another")


def _commands(group: Any, path: str = "") -> Iterator[str]:
    for name, command in group.commands.items():
        here = f"{path} {name}".strip()
        if not hasattr(command, "commands"):
            yield here
            continue
        if command.invoke_without_command:
            yield here
        yield from _commands(command, here)


COMMANDS = sorted(_commands(get_command(build_app([]))))
PATIENT = {"catalog import", "ingest"}  # they wait for a broker for seconds


@pytest.fixture
def nothing_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder, file = tmp_path / "empty", tmp_path / "file"
    folder.mkdir()
    file.touch()
    (folder / "definition.json").write_text("{}")
    (folder / "items.jsonl").write_text('{"id": "1", "title": "A film"}')
    monkeypatch.setenv("REDIS_URL", f"redis://{LOOPBACK}:{free_port()}/0")
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", f"{LOOPBACK}:{free_port()}")
    for name in ("LAKE_URI", "MODELS_URI", "CHECKPOINTS_URI", "SPARK_JARS_DIR"):
        monkeypatch.setenv(name, str(folder / name.lower()))
    monkeypatch.setenv("HEADWATER_CACHE", str(file))  # nothing can be fetched into it
    for module in (doctor, connect_first):  # what is waited for never comes
        monkeypatch.setattr(module, "_KAFKA_SECONDS", 0.1)
    monkeypatch.chdir(folder)
    return folder


def test_these_tests_cover_every_command() -> None:
    assert {*CASES, "doctor"} == set(COMMANDS)


@pytest.mark.parametrize(
    "command", [pytest.param(c, marks=[pytest.mark.slow] * (c in PATIENT)) for c in COMMANDS]
)
def test_without_a_stack_each_command_says_what_is_wrong_and_what_to_do(
    command: str, nothing_runs: Path
) -> None:
    arguments, code = CASES.get(command, ("", None))
    words = [*command.split(), *arguments.format(folder=nothing_runs).split()]
    answer = CliRunner().invoke(build_app(words), words)
    assert answer.exception is None or isinstance(answer.exception, SystemExit), answer.exception
    assert "Traceback" not in answer.output
    assert code is None or answer.exit_code == code, answer.output
    assert answer.output.strip()
    assert command in TABLES or code == 0 or CURE.search(answer.output), answer.output


def test_a_wrong_setting_is_one_sentence(nothing_runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_SHARDS", "many")
    answer = CliRunner().invoke(build_app(["models", "list"]), ["models", "list"])
    assert answer.exit_code == 1
    assert answer.output.startswith("A setting cannot be used: REDIS_SHARDS")
    assert len(answer.output.splitlines()) == 1


@pytest.mark.parametrize("command", ["train", "rebuild", "repair"])
def test_help_needs_no_server(command: str, nothing_runs: Path) -> None:
    answer = CliRunner().invoke(build_app([command]), [command, "--help"])
    assert answer.exit_code == 0
    assert "Usage" in answer.output


def test_train_without_its_option_is_an_error_that_names_the_option(nothing_runs: Path) -> None:
    answer = CliRunner().invoke(build_app(["train"]), ["train"])
    assert answer.exit_code == 2
    assert "--once" in answer.output


@pytest.fixture
def servers_hang(nothing_runs: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A Redis and a Kafka that accept every connection and never answer."""
    with socket.create_server((LOOPBACK, 0)) as redis, socket.create_server((LOOPBACK, 0)) as kafka:
        monkeypatch.setenv("REDIS_URL", f"redis://{LOOPBACK}:{redis.getsockname()[1]}/0")
        monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", f"{LOOPBACK}:{kafka.getsockname()[1]}")
        yield


@pytest.mark.parametrize("command", HANGING)
def test_a_command_gives_up_on_a_hanging_server_within_seconds(command: str, servers_hang: None) -> None:
    words = [*command.split(), *CASES[command][0].split()]
    began = time.monotonic()
    answer = CliRunner().invoke(build_app(words), words)
    assert answer.exit_code == 3, answer.output
    assert len(answer.output.splitlines()) == 1
    assert CURE.search(answer.output), answer.output
    # Without the checks, the slowest client of these commands would try for two minutes.
    assert time.monotonic() - began < 60


@pytest.mark.servers
@pytest.mark.parametrize("command", ["rebuild", "repair"])
def test_with_redis_alone_the_error_names_kafka(
    command: str, nothing_runs: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", redis_url)
    answer = CliRunner().invoke(build_app([command]), [command])
    assert answer.exit_code == 3
    assert "no Kafka broker answers" in answer.output
