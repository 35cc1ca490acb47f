from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from stack.processes.identity import Identity
from stack.processes.run_state import Folders, Ports, RunState
from stack.processes.running_stacks import note_stack, notes_dir, running_stacks

STATE = RunState.of_this_process(Ports(1, 2, 3))


@pytest.fixture(autouse=True)
def no_other_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_RUNNING_DIR", str(tmp_path / "notes"))


def _folders(path: Path) -> Folders:
    path.mkdir()
    return Folders(path)


def test_a_stack_is_found_while_it_runs(tmp_path: Path) -> None:
    first, second = _folders(tmp_path / "a"), _folders(tmp_path / "b")
    assert running_stacks() == []
    with note_stack(second), note_stack(first):
        STATE.write(first)
        STATE.write(second)
        assert [folders.data for folders in running_stacks()] == [first.data, second.data]
    assert running_stacks() == []
    assert not list(notes_dir().iterdir())


def test_the_note_of_a_killed_stack_does_not_count(tmp_path: Path) -> None:
    folders = _folders(tmp_path / "a")
    with note_stack(folders):
        replace(STATE, supervisor=Identity(os.getpid(), 1.0)).write(folders)
        assert running_stacks() == []


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"data_dir": 7}'])
def test_a_file_that_is_not_a_note_does_not_count(text: str) -> None:
    notes_dir().mkdir()
    (notes_dir() / "x.json").write_text(text)
    assert running_stacks() == []


def test_a_stack_runs_where_no_note_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    monkeypatch.setenv("HEADWATER_RUNNING_DIR", str(in_the_way / "notes"))
    with note_stack(_folders(tmp_path / "a")):
        assert running_stacks() == []


def test_the_notes_are_in_the_cache_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEADWATER_RUNNING_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert notes_dir() == tmp_path / "headwater" / "running"
