"""What an earlier run left when its parent was killed: found by recorded pid and start time, not by name."""

from __future__ import annotations

from pathlib import Path

from stack.processes.identity import descendants, running
from stack.processes.process import STOP_SECONDS, end
from stack.processes.service_record import ServiceRecord


def records(run_dir: Path) -> list[ServiceRecord]:
    """Every process record in the folder."""
    return [record for record in map(ServiceRecord.read, sorted(run_dir.glob("*.json"))) if record]


def alive(run_dir: Path) -> list[ServiceRecord]:
    """The records of services of which a process still runs."""
    return [r for r in records(run_dir) if any(running(p) for p in (r.process, *r.started_later))]


def remove(run_dir: Path, grace: float = STOP_SECONDS) -> list[str]:
    """End whatever the records name and still runs; the names of the services concerned.

    A pid that now belongs to another process (another start time) is left alone.
    """
    left = alive(run_dir)
    wanted = {p: None for r in left for p in (r.process, *r.started_later, *descendants(r.process))}
    end(wanted, grace)
    for path in run_dir.glob("*.json"):
        path.unlink(missing_ok=True)
    return [record.name for record in left]
