"""`headwater down`: stop a run from another terminal."""

from __future__ import annotations

from collections.abc import Callable

from stack.processes import leftovers
from stack.processes.process import end
from stack.processes.run_state import Folders, RunState

# The supervisor stops its services in two waves, and waits for each.
_SUPERVISOR_SECONDS = 60.0


def stop(folders: Folders, say: Callable[[str], None]) -> bool:
    """Stop the supervisor, then the processes that are left; whether there was anything to stop."""
    state = RunState.read(folders)
    if state is not None:
        say(f"Stopping the run of process {state.supervisor.pid} ...")
        end([state.supervisor], _SUPERVISOR_SECONDS)
    left = leftovers.remove(folders.run)
    for name in left:
        say(f"Stopped {name}, left over from an earlier run")
    return state is not None or bool(left)
