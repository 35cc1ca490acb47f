"""Finds the stack that a command is for: the one of --data-dir, or the only one that runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from stack.machine.errors import StackError
from stack.machine.java import find_java
from stack.processes.run_state import Folders, RunState
from stack.processes.running_stacks import running_stacks
from stack.run.services import addresses

_SERVERS = ("KAFKA_BOOTSTRAP_SERVERS", "REDIS_URL")
# Options that name a server or the lake for one command.
_PLACES = ("--bootstrap-servers", "--redis-url", "--lake")


def variables_of_stack(
    data_dir: Path | None, words: Sequence[str], environ: Mapping[str, str], *, with_java: bool
) -> dict[str, str]:
    """The environment variables that lead a command to its stack, without those that the user has set.

    None are needed where the user names a server, or where no stack runs and there is no ``data_dir``. Raises
    StackError where nothing runs on ``data_dir``, and where several stacks run and none is named.
    """
    folders = _only_stack(words, environ) if data_dir is None else Folders(data_dir.expanduser().resolve())
    state = RunState.read(folders) if folders else None
    if folders is None or state is None:
        if data_dir is not None:
            raise StackError(
                f"Nothing runs on {data_dir}: `headwater up --data-dir {data_dir}` starts a stack there; "
                "without --data-dir and HEADWATER_DATA_DIR a command takes the stack that runs"
            )
        return {}
    found = addresses(folders, state.ports)
    if with_java and not environ.get("JAVA_HOME") and (java := find_java()):
        found["JAVA_HOME"] = str(java.home)
    return {name: value for name, value in found.items() if not environ.get(name)}


def _only_stack(words: Sequence[str], environ: Mapping[str, str]) -> Folders | None:
    # A user who names a server or the lake does not mean the stack that happens to run here.
    if any(environ.get(name) for name in _SERVERS) or any(word.split("=")[0] in _PLACES for word in words):
        return None
    running = running_stacks()
    if len(running) > 1:
        listed = ", ".join(str(folders.data) for folders in running)
        raise StackError(
            f"{len(running)} stacks run here ({listed}): name one by `headwater --data-dir FOLDER ...` "
            "or HEADWATER_DATA_DIR"
        )
    return running[0] if running else None
