from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from stack.machine.errors import StackError
from stack.processes.identity import Identity
from stack.processes.run_state import Folders, Ports, RunState, only_one

PORTS = Ports(api=1, kafka=2, redis=3)


def test_a_second_run_on_the_same_folder_is_refused_and_the_error_names_the_first(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    with only_one(folders):
        RunState.of_this_process(PORTS).write(folders)
        with pytest.raises(StackError, match=f"process {os.getpid()}.*headwater down"), only_one(folders):
            pass
    assert RunState.read(folders) is None
    with only_one(folders):
        pass


def test_a_killed_run_leaves_its_folder_free(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from stack.processes.run_state import *\n"
        "with only_one(Folders(Path(sys.argv[1]))): os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == -9
    with only_one(Folders(tmp_path)):
        pass


def test_the_state_of_a_run_without_its_supervisor_is_not_read(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    state = RunState.of_this_process(PORTS)
    state.write(folders)
    assert RunState.read(folders) == state
    replace(state, supervisor=Identity(os.getpid(), 1.0)).write(folders)
    assert RunState.read(folders) is None


def test_every_address_is_on_loopback() -> None:
    assert (PORTS.api_url, PORTS.bootstrap, PORTS.redis_url) == (
        "http://127.0.0.1:1",
        "127.0.0.1:2",
        "redis://127.0.0.1:3/0",
    )


def test_the_state_keeps_another_host_for_the_api() -> None:
    ports = replace(PORTS, api_host="192.0.2.7")
    assert (ports.api_url, ports.bootstrap) == ("http://192.0.2.7:1", "127.0.0.1:2")
    assert RunState.decode(RunState.of_this_process(ports).encode()).ports == ports


def test_a_state_without_a_format_number_is_read() -> None:
    old = (
        '{"supervisor": [7, 1700000000.25], "started_at": 1700000001.5, "phase": "running", '
        '"ports": {"api": 1, "kafka": 2, "redis": 3}}'
    )
    state = RunState(Identity(7, 1_700_000_000.25), 1_700_000_001.5, "running", PORTS)
    assert RunState.decode(old) == state
    assert RunState.decode(state.encode()) == state


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"phase": "asleep"}', '{"supervisor": [1'])
def test_a_file_that_is_not_a_state_is_not_read(tmp_path: Path, text: str) -> None:
    folders = Folders(tmp_path)
    folders.state.write_text(text)
    assert RunState.read(folders) is None
