"""How the trainer yields the cores to what answers."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_AUTOGROUP = Path("/proc/self/autogroup")


def yield_cores(niceness: int) -> None:
    """Lower the priority of this process, and of its session; children inherit both.

    Linux divides the cores among sessions first (autogroups, see sched(7)): the niceness of a process that
    has a session of its own has no effect on the other services.
    """
    os.nice(niceness)
    is_leader = os.getsid(0) == os.getpid()  # else the session is somebody's shell
    if is_leader:
        with suppress(OSError):  # another system, or a container that may not: it has shares of its own
            _AUTOGROUP.write_text(str(niceness))
