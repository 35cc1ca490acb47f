"""The group of all `headwater` commands: what happens before and after each of them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from stack.invocation.failures import in_words

_HELP = "--help"
_WITH_DATA_DIR = frozenset({"up", "demo", "status", "down"})  # their own option of this name wins
# It may take the stack that runs. `up`, `demo` and `down` take the folder that they are given.
_ONLY_LOOKS = "status"
_OF_A_STACK = frozenset(
    {
        "verify",
        "backup",
        "restore",
        "experiments",
        "ingest",
        "catalog",
        "rebuild",
        "repair",
        "rejects",
        "train",
        "report",
        "report live",
        "report exposures",
        "tune",
        "models",
        "export",
        "users",
        "predict",
    }
)
_STARTS_SPARK = frozenset({"rebuild", "repair", "train --once", "tune", "models republish"})
# The servers of commands that start Spark, or whose clients would wait half a minute for a server.
_SERVERS = {
    "rebuild": ("redis", "kafka"),
    "repair": ("redis", "kafka"),
    "train --now": ("redis",),
    "train --once": ("redis",),
    "models": ("redis",),
    "models republish": ("redis",),
    "backup": ("redis",),
    "restore": ("redis",),
    "report": ("redis",),
    "rejects": ("kafka",),
}


class HeadwaterGroup(TyperGroup):
    """Reports a command's failure in one sentence, with an exit code that is not 0."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; only a defect shows a traceback."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            failure = in_words(error)
            if failure is None:
                raise
            typer.echo(failure.sentence, err=True)
            raise typer.Exit(failure.code) from error

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command for the words. Raises StackError, and what `connect_first` raises."""
        both = " ".join(args[:2])  # "report live" is a command beside "report VERSION"
        resolved = super().resolve_command(ctx, [both, *args[2:]] if both in self.commands else args)
        name, _, words = resolved
        if name is not None and not ctx.resilient_parsing and _HELP not in words:
            _prepare(ctx, name, words)
        return resolved


def _prepare(ctx: Any, command: str, words: Sequence[str]) -> None:
    """Lead the command to its stack, and check the servers that it needs."""
    data_dir = ctx.params.get("data_dir")
    if command in _WITH_DATA_DIR:
        if command == _ONLY_LOOKS and not data_dir:
            data_dir = _only_running_stack()
        if data_dir:
            ctx.default_map = {command: {"data_dir": str(data_dir)}}
        return
    if command not in _OF_A_STACK:
        return
    try:
        # Imported late: the clients of Kafka and Redis would slow down every other command.
        from stack.invocation.connect_first import connect_first
        from stack.invocation.find_stack import variables_of_stack
    except ModuleNotFoundError:
        # Without the extra "stack" no stack runs on this machine: the environment names the servers.
        return
    task = next((f"{command} {word}" for word in words if f"{command} {word}" in _SERVERS), command)
    variables = variables_of_stack(
        Path(data_dir) if data_dir else None, words, os.environ, with_java=task in _STARTS_SPARK
    )
    before = {name: os.environ.get(name) for name in variables}
    ctx.call_on_close(lambda: _restore(before))
    os.environ.update(variables)
    connect_first(_SERVERS.get(task, ()))


def _only_running_stack() -> Path | None:
    """The data folder of the stack that runs; None where none runs, or several do."""
    try:
        from stack.processes.running_stacks import running_stacks
    except ModuleNotFoundError:  # without the extra "stack" none runs here
        return None
    running = running_stacks()
    return running[0].data if len(running) == 1 else None


def _restore(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
