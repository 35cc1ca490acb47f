from __future__ import annotations

import os
import subprocess

from stack.processes.identity import Identity, descendants, identify, running


def test_a_process_is_identified_by_pid_and_start_time() -> None:
    us = identify(os.getpid())
    assert us is not None
    assert running(us) is not None
    assert running(Identity(us.pid, us.started - 3600)) is None


def test_an_ended_process_is_not_running() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        identity = identify(child.pid)
        assert identity is not None
        assert identity in descendants(Identity(os.getpid(), identify(os.getpid()).started))  # type: ignore[union-attr]
        child.kill()
        child.wait()
    assert running(identity) is None
    assert identify(identity.pid) is None
