"""How the trainer yields the cores to what answers."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PROCESSES = Path("/proc")
_AUTOGROUP = Path("/proc/self/autogroup")


def yield_cores(niceness: int) -> None:
    """Lower the priority of this process with all it has started, and of its session; children inherit both.

    Linux keeps a niceness for each thread, so those of Spark's JVM and its workers are lowered one by one.
    And it divides the cores among sessions first (autogroups, see sched(7)): the niceness of a process with
    a session of its own has no effect on the other services.
    """
    wanted = os.getpriority(os.PRIO_PROCESS, 0) + niceness
    for thread in _threads():
        with suppress(ProcessLookupError):  # it ended meanwhile
            os.setpriority(os.PRIO_PROCESS, thread, wanted)
    is_leader = os.getsid(0) == os.getpid()  # else the session is somebody's shell
    if is_leader:
        with suppress(OSError):  # another system, or a container that may not: it has shares of its own
            _AUTOGROUP.write_text(str(niceness))


def _threads() -> Iterator[int]:
    """The threads of this process and of all its descendants; where no /proc is, this process alone."""
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
    """The processes of this machine by their parent."""
    children: dict[int, list[int]] = defaultdict(list)
    for process in _PROCESSES.iterdir():
        if process.name.isdigit():
            with suppress(OSError):
                # The fields behind the command's name, which may hold spaces and brackets: state, parent ...
                parent = process.joinpath("stat").read_text().rpartition(")")[2].split()[1]
                children[int(parent)].append(int(process.name))
    return children
