"""Which process is meant: a pid is reused by the system, a pid with its start time is not."""

from __future__ import annotations

from typing import NamedTuple

import psutil

# Start times are read from the kernel's ticks; the wall clock beneath them may be nudged.
_SAME_START_SECONDS = 1.0


class Identity(NamedTuple):
    """A process, for good."""

    pid: int
    started: float  # seconds since the epoch

    def encode(self) -> list[float]:
        """For JSON: pid and start time."""
        return [self.pid, self.started]

    @classmethod
    def decode(cls, raw: object) -> Identity:
        """Raises ValueError where it is not a pid and a start time."""
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
    """The process itself while it runs; None when it ended, is a zombie, or another has its pid."""
    try:
        process = psutil.Process(identity.pid)
        same = abs(process.create_time() - identity.started) <= _SAME_START_SECONDS
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def descendants(identity: Identity) -> list[Identity]:
    """Its children, and theirs, that run now."""
    process = running(identity)
    if process is None:
        return []
    try:
        found = [identify(child.pid) for child in process.children(recursive=True)]
    except psutil.Error:
        return []
    return [child for child in found if child is not None]
