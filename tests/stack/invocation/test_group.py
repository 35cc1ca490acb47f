from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from stack.cli import build_app
from stack.machine.ports import free_port
from stack.processes.run_state import Folders, Ports, RunState
from stack.processes.running_stacks import note_stack
from stack.status import picture

NAMES = (
    "KAFKA_BOOTSTRAP_SERVERS",
    "REDIS_URL",
    "LAKE_URI",
    "MODELS_URI",
    "CHECKPOINTS_URI",
    "SPARK_JARS_DIR",
)


@pytest.fixture
def stack_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folders:
    """The folder of a stack that looks to a command as if it ran; nothing listens on its ports."""
    monkeypatch.setattr(picture, "_KAFKA_SECONDS", 0.1)
    for name in (*NAMES, "HEADWATER_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HEADWATER_RUNNING_DIR", str(tmp_path / "notes"))
    folders = Folders(tmp_path / "data")
    folders.data.mkdir()
    RunState.of_this_process(Ports(free_port(), free_port(), free_port())).write(folders)
    return folders


def _headwater(*words: str) -> Result:
    return CliRunner().invoke(build_app(words), words)


def _redis_of(folders: Folders) -> str:
    state = RunState.read(folders)
    assert state is not None
    return f"at 127.0.0.1:{state.ports.redis}"


def test_the_option_selects_the_stack_and_leaves_the_environment_unchanged(stack_folders: Folders) -> None:
    before = dict(os.environ)
    answer = _headwater("--data-dir", str(stack_folders.data), "models", "list")
    assert answer.exit_code == 3
    assert _redis_of(stack_folders) in answer.output
    assert dict(os.environ) == before


def test_the_variable_selects_the_stack_like_the_option(
    stack_folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADWATER_DATA_DIR", str(stack_folders.data))
    assert _redis_of(stack_folders) in _headwater("train", "--now").output


def test_without_option_and_variable_a_command_uses_the_running_stack(stack_folders: Folders) -> None:
    with note_stack(stack_folders):
        assert _redis_of(stack_folders) in _headwater("report").output
    assert _redis_of(stack_folders) not in _headwater("report").output


def test_status_shows_the_only_stack_that_runs(stack_folders: Folders) -> None:
    with note_stack(stack_folders):
        found = _headwater("status", "--json")
    assert found.exit_code == 0
    assert json.loads(found.output)["data_dir"] == str(stack_folders.data)
    assert _headwater("status").exit_code == 3  # on ./data, as no stack runs


def test_a_folder_without_a_running_stack_is_one_sentence(stack_folders: Folders, tmp_path: Path) -> None:
    answer = _headwater("--data-dir", str(tmp_path / "other"), "models", "list")
    assert answer.exit_code == 1
    assert answer.output.startswith("Nothing runs on ")
    assert len(answer.output.splitlines()) == 1


def test_help_is_shown_for_a_folder_without_a_running_stack(stack_folders: Folders, tmp_path: Path) -> None:
    assert _headwater("--data-dir", str(tmp_path / "other"), "models", "list", "--help").exit_code == 0


def test_commands_with_an_option_of_the_same_name_accept_it_before_and_after_their_name(
    stack_folders: Folders, tmp_path: Path
) -> None:
    running, other = str(stack_folders.data), str(tmp_path / "other")
    assert _headwater("--data-dir", running, "status").exit_code == 0
    assert _headwater("--data-dir", running, "status", "--data-dir", other).exit_code == 3
    assert f"Nothing runs on {other}" in _headwater("--data-dir", other, "down").output.replace("\n", "")


# As in the image of the producer: the extra "ingest" brings neither of them.
WITHOUT_THE_STACK = """
import sys
from importlib.abc import MetaPathFinder

class Missing(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.split(".")[0] in {"redis", "psutil", "pyspark", "fastapi", "deltalake"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
sys.argv = ["headwater", "ingest", "/no/such/file.csv"]
from stack.cli import main
main()
"""


@pytest.mark.slow
def test_a_command_runs_if_only_its_own_extra_is_installed() -> None:
    answer = subprocess.run(
        [sys.executable, "-c", WITHOUT_THE_STACK], capture_output=True, text=True, check=False
    )
    assert "Traceback" not in answer.stderr
    assert "/no/such/file.csv" in answer.stderr
