"""Identifies a process by its pid and start time, because the system gives a pid to another process later."""

from __future__ import annotations

from typing import NamedTuple

import psutil

# Start times are computed from the kernel's ticks and the wall clock, which may be corrected meanwhile.
_SAME_START_SECONDS = 1.0


class Identity(NamedTuple):
    """A process, whichever process has its pid later."""

    pid: int
    started: float  # seconds since the epoch

    def encode(self) -> list[float]:
        """For JSON: pid and start time."""
        return [self.pid, self.started]

    @classmethod
    def decode(cls, raw: object) -> Identity:
        """The process from its JSON. Raises ValueError where that is not a pid and a start time."""
        match raw:
            case [int(pid), int() | float() as started]:
                return cls(pid=pid, started=float(started))
        raise ValueError(f"no process: {raw!r:.80}")


def identify(pid: int) -> Identity | None:
    """The process that has the pid now."""
    try:
        return Identity(pid, psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def running(identity: Identity) -> psutil.Process | None:
    """The process while it runs; None if it has ended, is a zombie, or another process has its pid."""
    try:
        process = psutil.Process(identity.pid)
        same = abs(process.create_time() - identity.started) <= _SAME_START_SECONDS
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def descendants(identity: Identity) -> list[Identity]:
    """The running children of a process, and their children."""
    process = running(identity)
    if process is None:
        return []
    try:
        found = [identify(child.pid) for child in process.children(recursive=True)]
    except psutil.Error:
        return []
    return [child for child in found if child is not None]
