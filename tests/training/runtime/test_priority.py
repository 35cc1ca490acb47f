from __future__ import annotations

import subprocess
import sys
from pathlib import Path

AUTOGROUP = Path("/proc/self/autogroup")
YIELD = """
import os
from pathlib import Path
from training.runtime.priority import yield_cores
before = os.nice(0)
yield_cores(7)
print(os.nice(0) - before)
autogroup = Path("/proc/self/autogroup")
print(autogroup.read_text().strip() if autogroup.exists() else "")
"""


def yield_priority(own_session: bool) -> tuple[str, str]:
    """The niceness that a process gains when it yields, and Linux's autogroup of its session then."""
    command = [sys.executable, "-c", YIELD]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, start_new_session=own_session, timeout=60
    )
    niceness, session = done.stdout.splitlines()
    return niceness, session


def session_of_the_tests() -> str:
    """The autogroup; empty where Linux has none, or these tests are in none (as a service of init)."""
    return AUTOGROUP.read_text().strip() if AUTOGROUP.exists() else ""


def test_a_trainer_has_a_lower_priority_than_the_services_that_answer() -> None:
    assert yield_priority(own_session=True)[0] == "7"


def test_the_session_of_a_trainer_has_a_lower_priority_too_because_linux_compares_sessions_first() -> None:
    session = yield_priority(own_session=True)[1]
    if session:
        assert session.endswith("nice 7")
    else:
        assert session_of_the_tests() == "", "a new session is in an autogroup wherever the tests are in one"


def test_a_session_that_is_somebodys_shell_keeps_its_priority() -> None:
    before = session_of_the_tests()
    assert yield_priority(own_session=False) == ("7", before)
    assert session_of_the_tests() == before


STARTED_BEFORE = """
import os, subprocess, sys, threading
from training.runtime.priority import yield_cores
stop = threading.Event()
threading.Thread(target=stop.wait, daemon=True).start()
child = [sys.executable, "-c", "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"]
grandparent = subprocess.Popen(child, stdin=subprocess.PIPE)
def threads(process):
    return [int(task) for task in os.listdir(f"/proc/{process}/task")]
def children(process):
    return [int(pid) for pid in open(f"/proc/{process}/task/{process}/children").read().split()]
while not children(grandparent.pid):
    pass
before = os.nice(0)
yield_cores(5)
everybody = [os.getpid(), grandparent.pid, *children(grandparent.pid)]
changes = [os.getpriority(os.PRIO_PROCESS, thread) - before for pid in everybody for thread in threads(pid)]
print(sorted(set(changes)))
print(len(everybody), len(threads(os.getpid())))
grandparent.communicate(b"\\n")
"""


def test_processes_started_before_and_all_their_threads_get_the_lower_priority_too() -> None:
    if not Path("/proc/self/task").is_dir():
        return  # only Linux has a niceness for each thread
    command = [sys.executable, "-c", STARTED_BEFORE]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    priorities, counts = done.stdout.splitlines()
    assert priorities == "[5]"
    assert counts == "3 2"
