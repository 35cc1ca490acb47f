"""Finds processes that outlived a killed run, by recorded pid and start time, never by name."""

from __future__ import annotations

from pathlib import Path

from stack.processes.identity import descendants, running
from stack.processes.process import STOP_SECONDS, end
from stack.processes.service_record import ServiceRecord


def records(run_dir: Path) -> list[ServiceRecord]:
    """Every process record in the folder."""
    return [record for record in map(ServiceRecord.read, sorted(run_dir.glob("*.json"))) if record]


def alive(run_dir: Path) -> list[ServiceRecord]:
    """The records of services that still have a running process."""
    return [r for r in records(run_dir) if any(running(p) for p in (r.process, *r.started_later))]


def remove(run_dir: Path, grace: float = STOP_SECONDS) -> list[str]:
    """End every process of the records that still runs; the names of its services.

    A pid that now belongs to another process, which its start time shows, is left alone.
    """
    left = alive(run_dir)
    wanted = {p: None for r in left for p in (r.process, *r.started_later, *descendants(r.process))}
    end(wanted, grace)
    for path in run_dir.glob("*.json"):
        path.unlink(missing_ok=True)
    return [record.name for record in left]
