from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stack.machine.errors import ServiceDiedError
from stack.processes.identity import running
from stack.processes.process import ServiceProcess, signal_name
from stack.processes.service_record import ServiceRecord

# Ignores SIGTERM, and has a child in a group of its own, as Spark's Python workers are.
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen(["sleep", "600"], start_new_session=True)
print("ready", flush=True)
time.sleep(600)
"""


def _start(folder: Path, code: str) -> ServiceProcess:
    command = [sys.executable, "-c", code]
    return ServiceProcess.start("service", command, os.environ, folder / "logs", folder / "run")


def _until(done: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.slow
def test_a_stubborn_process_and_what_it_started_are_killed(tmp_path: Path) -> None:
    service = _start(tmp_path, STUBBORN)
    _until(lambda: "ready" in service.log_tail())
    service.note_descendants()
    record = ServiceRecord.read(tmp_path / "run" / "service.json")
    assert record is not None
    assert len(record.started_later) == 1
    service.stop(grace=0.2)
    assert not any(running(each) for each in (record.process, *record.started_later))
    assert not (tmp_path / "run" / "service.json").exists()


def test_the_error_of_a_dead_process_has_the_reason_and_the_end_of_its_log(tmp_path: Path) -> None:
    service = _start(tmp_path, "print('the reason'); raise SystemExit(7)")
    service.popen.wait()
    with pytest.raises(ServiceDiedError) as caught:
        service.check()
    assert "service ended with exit code 7" in str(caught.value)
    assert "the reason" in str(caught.value)


def test_only_the_last_run_of_a_log_is_shown(tmp_path: Path) -> None:
    for word in ("first", "second"):
        service = _start(tmp_path, f"print('{word}')")
        service.popen.wait()
    assert service.log_tail().strip() == "second"


def test_output_from_before_the_start_has_returned_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really_start = subprocess.Popen

    def start_and_wait(*args: Any, **options: Any) -> subprocess.Popen[bytes]:
        process = really_start(*args, **options)
        process.wait()
        return process

    monkeypatch.setattr("stack.processes.process.subprocess.Popen", start_and_wait)
    assert _start(tmp_path, "print('at once')").log_tail().strip() == "at once"


def test_the_error_names_a_command_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(ServiceDiedError, match="ghost could not be started"):
        ServiceProcess.start("ghost", ["/no/such/command"], {}, tmp_path, tmp_path / "run")


def test_signals_have_names() -> None:
    assert signal_name(9) == "SIGKILL"
