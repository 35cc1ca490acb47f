"""`headwater up`: the stack until Ctrl-C, with one live status block."""

from __future__ import annotations

import time
from contextlib import suppress

from rich.console import Console
from rich.live import Live

from stack.run.guardrails import GuardrailWatch
from stack.run.launch import Run, running_stack
from stack.run.open_page import OFFER, is_offered, open_where_asked
from stack.run.services import Options
from stack.run.supervisor import StopRequested
from stack.status.block import block, line
from stack.status.picture import collect

_REFRESH_SECONDS = 2.0
_LOOKS = 8  # how often the keyboard is read between two refreshes
_PLAIN_LINE_SECONDS = 10.0


def run_until_stopped(options: Options, console: Console) -> None:
    """Start the stack, show its status, stop it on a signal. Raises StackError."""
    with suppress(StopRequested), running_stack(options, console) as run:
        run.phases.say(f"Headwater runs: {run.ports.api_url}/ (Ctrl-C stops it)")
        try:
            _show_on_terminal(run, console) if console.is_terminal else _show_in_lines(run)
        except StopRequested:
            run.phases.say("Stopping ...")
            raise
    console.print("Stopped.", highlight=False)


def _show_on_terminal(run: Run, console: Console) -> None:
    offered = is_offered(console)
    if offered:
        run.phases.say(OFFER)
    guardrails = GuardrailWatch(run.supervisor, run.ports.api_url)
    with Live(block(collect(run.folders)), console=console, auto_refresh=False) as live:
        while True:
            for _ in range(_LOOKS):
                run.supervisor.pause(_REFRESH_SECONDS / _LOOKS)
                if offered:
                    open_where_asked(f"{run.ports.api_url}/")
            guardrails.look_when_due()
            live.update(block(collect(run.folders)), refresh=True)


def _show_in_lines(run: Run) -> None:
    said = 0.0
    guardrails = GuardrailWatch(run.supervisor, run.ports.api_url)
    while True:
        guardrails.look_when_due()
        if time.monotonic() - said >= _PLAIN_LINE_SECONDS:
            said = time.monotonic()
            run.phases.say(line(collect(run.folders)))
        run.supervisor.pause(_REFRESH_SECONDS)
