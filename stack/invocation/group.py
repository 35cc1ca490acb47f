"""The group of all `headwater` commands: what happens before and after any of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from stack.invocation.failures import in_words

_HELP = "--help"
# What a command needs that starts Spark or that would wait long for a server.
_SERVERS = {
    "rebuild": ("redis", "kafka"),
    "repair": ("redis", "kafka"),
    "train": ("redis",),
    "rejects": ("kafka",),
}


class HeadwaterGroup(TyperGroup):
    """Says in one sentence what keeps a command from its work, with an exit code that is not 0."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; only a defect of ours shows a traceback."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            failure = in_words(error)
            if failure is None:
                raise
            typer.echo(failure.sentence, err=True)
            raise typer.Exit(failure.code) from error

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command for the words. Raises what `connect_first` raises."""
        resolved = super().resolve_command(ctx, args)
        name, _, words = resolved
        if name is not None and not ctx.resilient_parsing and _HELP not in words:
            _prepare(name, words)
        return resolved


def _prepare(command: str, words: Sequence[str]) -> None:
    if command == "train" and "--once" not in words:
        return  # asks the running trainer: no Spark here
    if command in _SERVERS:
        # Imported late: the clients of Kafka and Redis would slow down every other command.
        from stack.invocation.connect_first import connect_first

        connect_first(_SERVERS[command])
