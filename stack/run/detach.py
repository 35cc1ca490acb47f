"""`headwater up --detach`: the supervisor in the background."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence

from rich.console import Console

from stack.machine.errors import StackError
from stack.processes.run_state import Folders, RunState

# A first start may fetch Java and the jars.
_LONGEST_START_SECONDS = 900.0
_TAIL_LINES = 20


def start_detached(words: Sequence[str], folders: Folders, console: Console) -> RunState:
    """Start `headwater` with these words and wait until it runs. Raises StackError if it does not start."""
    folders.logs.mkdir(parents=True, exist_ok=True)
    log = folders.logs / "up.log"
    console.print(f"Starting in the background; its log is {log} ...", highlight=False)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "stack", *words],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + _LONGEST_START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        state = RunState.read(folders)
        if state and state.supervisor.pid == process.pid and state.phase == "running":
            console.print(f"Headwater runs: {state.ports.api_url}/", highlight=False)
            console.print(f"`headwater down --data-dir {folders.data}` stops it.", highlight=False)
            return state
        time.sleep(0.2)
    process.terminate()
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-_TAIL_LINES:])
    raise StackError(f"Headwater did not start; the end of {log}:\n{tail}")
