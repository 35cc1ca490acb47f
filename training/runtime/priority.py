"""Lowers the trainer's priority, so that the services that answer get the cores first."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PROCESSES = Path("/proc")
_AUTOGROUP = Path("/proc/self/autogroup")


def yield_cores(niceness: int) -> None:
    """Lower the priority of this process, of all that it has started, and of its session.

    Linux has a niceness for each thread, so the threads of Spark's JVM and its workers are set one by one.
    Linux also divides the cores among sessions first (autogroups, see sched(7)): in a session of its own, a
    process' niceness alone would not help the other services. Child processes inherit both.
    """
    wanted = os.getpriority(os.PRIO_PROCESS, 0) + niceness
    for thread in _threads():
        with suppress(ProcessLookupError):  # it ended meanwhile
            os.setpriority(os.PRIO_PROCESS, thread, wanted)
    is_leader = os.getsid(0) == os.getpid()  # else the session is somebody's shell
    if is_leader:
        with suppress(OSError):  # another system, or a container that may not; it has a share of its own
            _AUTOGROUP.write_text(str(niceness))


def _threads() -> Iterator[int]:
    """The threads of this process and of all its descendants; this process alone where there is no /proc."""
    if not _PROCESSES.joinpath("self", "task").is_dir():
        yield 0
        return
    children = _children()
    waiting = [os.getpid()]
    while waiting:
        process = waiting.pop()
        waiting += children[process]
        with suppress(FileNotFoundError):  # it ended meanwhile
            yield from [int(task.name) for task in _PROCESSES.joinpath(str(process), "task").iterdir()]


def _children() -> dict[int, list[int]]:
    """Parent -> its child processes, for all processes of this machine."""
    children: dict[int, list[int]] = defaultdict(list)
    for process in _PROCESSES.iterdir():
        if process.name.isdigit():
            with suppress(OSError):
                # After the command's name, which may contain spaces and brackets, come state, parent ...
                parent = process.joinpath("stat").read_text().rpartition(")")[2].split()[1]
                children[int(parent)].append(int(process.name))
    return children
