from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from stack.processes.identity import identify, running
from stack.processes.run_state import Folders
from stack.processes.service_record import ServiceRecord
from stack.run import down


def test_down_without_a_running_stack_says_so(tmp_path: Path) -> None:
    assert not down.stop(Folders(tmp_path), lambda _: None)


def test_down_also_stops_processes_that_a_killed_run_left(tmp_path: Path) -> None:
    folders, said = Folders(tmp_path), list[str]()
    folders.run.mkdir()
    with subprocess.Popen(["sleep", "600"]) as left:
        identity = identify(left.pid)
        assert identity is not None
        ServiceRecord("redis", identity).write(folders.run)
        assert down.stop(folders, said.append)
        assert running(identity) is None
    assert said == ["Stopped redis, left over from an earlier run"]


SUPERVISOR = """
import os, sys
from pathlib import Path
from stack.machine.start_plan import Plan
from stack.processes.run_state import Folders, Ports, RunState, only_one
from stack.run.supervisor import StopRequested, Supervisor
folders = Folders(Path(sys.argv[1]))
with only_one(folders):
    RunState.of_this_process(Ports(1, 2, 3), "running").write(folders)
    supervisor = Supervisor(folders, os.environ, strict=True, say=print)
    with supervisor.until_stopped():
        supervisor.start(Plan("service", ("sleep", "600")))
        try:
            supervisor.pause(600)
        except StopRequested:
            pass
"""


@pytest.mark.parametrize("way", ["down", "kill -9, then down"])
def test_down_stops_a_run_and_its_services(way: str, tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    with subprocess.Popen([sys.executable, "-c", SUPERVISOR, str(tmp_path)]) as supervisor:
        deadline = time.monotonic() + 20
        while not (record := ServiceRecord.read(folders.run / "service.json")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        if way != "down":
            supervisor.kill()
            supervisor.wait()
        assert down.stop(folders, lambda _: None)
        assert supervisor.wait(10) == (0 if way == "down" else -9)
    assert running(record.process) is None
    assert not list(folders.run.glob("*.json"))
    assert not folders.state.exists() or way != "down"
