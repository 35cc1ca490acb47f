from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from stack.cli import build_app
from stack.machine.ports import free_port
from stack.processes.run_state import Folders, Ports, RunState
from stack.status.picture import collect


def test_status_of_a_folder_where_nothing_runs_is_json_and_exit_code_3(tmp_path: Path) -> None:
    answer = CliRunner().invoke(build_app(["status"]), ["status", "--data-dir", str(tmp_path), "--json"])
    found = json.loads(answer.stdout)
    assert answer.exit_code == 3
    assert found["running"] is False
    assert found["ingest"] == {"sent": 0, "acknowledged": 0, "failed": 0, "rejected_lines": 0, "done": False}


def test_servers_that_do_not_answer_leave_their_figures_open(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    RunState.of_this_process(Ports(free_port(), free_port(), free_port())).write(folders)
    found = collect(folders)
    assert found.running
    assert (found.events, found.lag_lake, found.model, found.api_ready) == (None, None, None, False)
