from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from stack.invocation.find_stack import variables_of_stack
from stack.machine.errors import StackError
from stack.machine.java import Java
from stack.processes.identity import Identity
from stack.processes.run_state import Folders, Ports, RunState
from stack.processes.running_stacks import note_stack

PORTS = Ports(api=1, kafka=2, redis=3)


class Stacks:
    """Makes folders that look to a command like running stacks."""

    def __init__(self, root: Path, stack: ExitStack) -> None:
        self._root, self._stack = root, stack

    def start(self, name: str, ports: Ports = PORTS) -> Folders:
        folders = Folders(self._root / name)
        folders.data.mkdir()
        RunState.of_this_process(ports).write(folders)
        self._stack.enter_context(note_stack(folders))
        return folders


@pytest.fixture
def stacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stacks]:
    monkeypatch.setenv("HEADWATER_RUNNING_DIR", str(tmp_path / "notes"))
    with ExitStack() as stack:
        yield Stacks(tmp_path, stack)


def _variables(data_dir: Path | None = None, *words: str, **environ: str) -> dict[str, str]:
    return variables_of_stack(data_dir, words, environ, with_java=False)


def test_a_command_uses_the_only_running_stack(stacks: Stacks) -> None:
    folders = stacks.start("a")
    found = _variables()
    assert found.pop("SPARK_JARS_DIR")
    assert found == {
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:2",
        "REDIS_URL": "redis://127.0.0.1:3/0",
        "LAKE_URI": str(folders.lake),
        "MODELS_URI": str(folders.models),
        "CHECKPOINTS_URI": str(folders.checkpoints),
        "API_URL": f"http://127.0.0.1:{PORTS.api}",
        "REFUSED_ROWS_FILE": str(folders.data / "refused-rows.jsonl"),
        "EXPOSURE_COUNTS_DIR": str(folders.data / "exposure-counts"),
    }


def test_of_several_running_stacks_a_command_uses_that_of_the_data_folder(stacks: Stacks) -> None:
    stacks.start("a")
    second = stacks.start("b", replace(PORTS, redis=33))
    assert _variables(second.data)["REDIS_URL"] == "redis://127.0.0.1:33/0"


def test_with_several_stacks_the_error_lists_them_and_asks_for_one(stacks: Stacks) -> None:
    first, second = stacks.start("a"), stacks.start("b")
    with pytest.raises(StackError, match=f"{first.data}, {second.data}.*--data-dir"):
        _variables()


def test_without_a_stack_the_settings_are_not_changed(stacks: Stacks) -> None:
    assert _variables() == {}


def test_a_command_does_not_use_a_killed_stack(stacks: Stacks) -> None:
    killed, alive = stacks.start("a"), stacks.start("b")
    gone = Identity(os.getpid(), 1.0)
    replace(RunState.of_this_process(PORTS), supervisor=gone).write(killed)
    assert _variables()["LAKE_URI"] == str(alive.lake)
    with pytest.raises(StackError, match=r"Nothing runs on .*headwater up --data-dir"):
        _variables(killed.data)


def test_a_variable_set_by_hand_wins(stacks: Stacks) -> None:
    folders = stacks.start("a")
    found = _variables(folders.data, REDIS_URL="redis://elsewhere", KAFKA_BOOTSTRAP_SERVERS="")
    assert "REDIS_URL" not in found
    assert found["KAFKA_BOOTSTRAP_SERVERS"] == "127.0.0.1:2"
    assert "LAKE_URI" not in _variables(LAKE_URI="s3a://lake")


def test_a_server_set_by_hand_means_that_no_stack_is_used(stacks: Stacks) -> None:
    stacks.start("a")
    stacks.start("b")
    assert _variables(REDIS_URL="redis://elsewhere") == {}
    assert _variables(None, "file", "--redis-url=redis://elsewhere") == {}
    assert _variables(None, "file", "--lake", "s3a://lake") == {}


def test_a_command_that_starts_spark_finds_a_java(stacks: Stacks, monkeypatch: pytest.MonkeyPatch) -> None:
    java = Java(Path("/jvm"), 17, "17.0.1")
    monkeypatch.setattr("stack.invocation.find_stack.find_java", lambda: java)
    stacks.start("a")
    assert variables_of_stack(None, (), {}, with_java=True)["JAVA_HOME"] == "/jvm"
    assert "JAVA_HOME" not in variables_of_stack(None, (), {"JAVA_HOME": "/mine"}, with_java=True)
    assert "JAVA_HOME" not in _variables()
