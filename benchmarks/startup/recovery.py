"""How long a killed streaming service takes to work again, and how long its start alone takes."""

from __future__ import annotations

import json
import os
import signal
import time
from datetime import datetime
from pathlib import Path
from statistics import median

from benchmarks.context import BenchContext, Ratio
from benchmarks.startup.stack import served_stack
from stack.processes.run_state import Folders
from stack.processes.service_record import ServiceRecord

# The figures before there were a class-data archive and a preloaded worker daemon (before commit 169ab7b).
START_BEFORE, RECOVERY_BEFORE = 42.0, 43.0
GOAL = 20.0
_KILLS = 3
_LONGEST_SECONDS = 180.0
_POLL_SECONDS = 0.1


def run(context: BenchContext) -> list[Ratio]:
    """Measure the median seconds of a start, and from SIGKILL until records are applied as they arrive."""
    folder = context.work_dir / "recovery"
    starts: list[float] = []
    recoveries: list[float] = []
    with served_stack(folder):
        for _ in range(_KILLS):
            killed_at = kill_streaming(Folders(folder))
            live_at = _wait_until_live(folder, killed_at)
            process = _streaming(Folders(folder)).process
            starts.append(_logged_at(folder, "running: ", killed_at) - process.started)
            recoveries.append(live_at - killed_at)
    return [
        _row("streaming's start", median(starts), START_BEFORE),
        _row("recovery after SIGKILL of streaming", median(recoveries), RECOVERY_BEFORE),
    ]


def _row(name: str, seconds: float, before: float) -> Ratio:
    note = "before commit 169ab7b (seconds: its / ours)"
    return Ratio(name, seconds, before, before / seconds, "s", before / GOAL, note)


def kill_streaming(folders: Folders) -> float:
    """Kill the service and leave its JVM to notice it; the time of the kill (seconds since the epoch)."""
    os.kill(_streaming(folders).process.pid, signal.SIGKILL)
    return time.time()


def _streaming(folders: Folders) -> ServiceRecord:
    record = ServiceRecord.read(folders.run / "streaming.json")
    if record is None:
        raise ProcessLookupError(f"no streaming service is recorded in {folders.run}")
    return record


def _wait_until_live(folder: Path, since: float) -> float:
    deadline = time.monotonic() + _LONGEST_SECONDS
    while time.monotonic() < deadline:
        if logged := _logged_at(folder, "live from ", since):
            return logged
        time.sleep(_POLL_SECONDS)
    raise TimeoutError(f"streaming did not come back within {_LONGEST_SECONDS:g} s: see {folder / 'logs'}")


def _logged_at(folder: Path, message: str, since: float) -> float:
    """The time of the newest line of streaming's log with this beginning (epoch seconds); 0: none."""
    lines = (Folders(folder).logs / "streaming.log").read_text(errors="replace").splitlines()
    records = [json.loads(line) for line in lines if line.startswith("{")]
    times = [
        datetime.fromisoformat(r["time"]).timestamp() for r in records if r["message"].startswith(message)
    ]
    return max((logged for logged in times if logged > since), default=0.0)
