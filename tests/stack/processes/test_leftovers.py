from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stack.processes import leftovers
from stack.processes.identity import Identity, identify, running
from stack.processes.service_record import ServiceRecord

# A parent that supervises two services, one of which has a child in a session of its own.
PARENT = """
import sys
from pathlib import Path
from stack.machine.start_plan import Plan
from stack.processes.run_state import Folders
from stack.run.supervisor import Supervisor
import os
supervisor = Supervisor(Folders(Path(sys.argv[1])), os.environ, strict=True, say=print)
forks = "import subprocess, time; subprocess.Popen(['sleep', '601'], start_new_session=True); time.sleep(600)"
supervisor.start(Plan("alone", ("sleep", "600")))
supervisor.start(Plan("forks", (sys.executable, "-c", forks)))
while True:
    supervisor.pause(0.1)
"""


@pytest.mark.slow
def test_processes_that_a_killed_parent_left_are_found_and_stopped(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)]) as parent:
        deadline = time.monotonic() + 20
        while not any(record.started_later for record in leftovers.records(run)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        parent.send_signal(signal.SIGKILL)
    left = [each for record in leftovers.records(run) for each in (record.process, *record.started_later)]
    assert len(left) == 3
    assert all(running(each) for each in left)
    assert leftovers.remove(run) == ["alone", "forks"]
    assert not any(running(each) for each in left)
    assert leftovers.remove(run) == []


def test_a_process_that_has_a_reused_pid_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "600"]) as innocent:
        ServiceRecord("service", Identity(innocent.pid, time.time() - 86_400)).write(tmp_path)
        assert leftovers.remove(tmp_path) == []
        assert innocent.poll() is None
        assert not list(tmp_path.glob("*.json"))
        innocent.kill()


def test_a_descendant_is_stopped_long_after_its_parent_has_ended(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "600"]) as orphan:
        identity = identify(orphan.pid)
        assert identity is not None
        gone = Identity(os.getpid(), 1.0)
        ServiceRecord("service", gone, (identity,)).write(tmp_path)
        assert leftovers.remove(tmp_path) == ["service"]
        assert running(identity) is None
