from __future__ import annotations

import subprocess
import sys
from pathlib import Path

AUTOGROUP = Path("/proc/self/autogroup")
YIELD = """
import os
from training.priority import yield_cores
before = os.nice(0)
yield_cores(7)
print(os.nice(0) - before)
print(open("/proc/self/autogroup").read().split()[-1] if os.path.exists("/proc/self/autogroup") else "")
"""


def yielded(own_session: bool) -> list[str]:
    """By how much a process that yields is nicer, and how nice its session is then."""
    command = [sys.executable, "-c", YIELD]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, start_new_session=own_session, timeout=60
    )
    return done.stdout.split("\n")


def test_a_trainer_is_nicer_than_what_answers() -> None:
    assert yielded(own_session=True)[0] == "7"


def test_its_session_is_too_or_its_niceness_would_say_nothing() -> None:
    assert yielded(own_session=True)[1] == ("7" if AUTOGROUP.exists() else "")


def test_a_session_that_is_somebodys_shell_keeps_its_priority() -> None:
    own = AUTOGROUP.read_text().split()[-1] if AUTOGROUP.exists() else ""
    assert yielded(own_session=False) == ["7", own, ""]
