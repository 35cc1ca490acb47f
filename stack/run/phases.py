"""The steps of a run, named and timed, so that the time of each can be seen."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.status import Status


class Phases:
    """Prints each step as it begins (with a spinner on a terminal), and its seconds as it ends."""

    def __init__(self, console: Console) -> None:
        self.seconds: dict[str, float] = {}
        self._console = console
        self._status = Status("", console=console) if console.is_terminal else None
        self._began = time.monotonic()
        self._current = ""

    @contextmanager
    def __call__(self, name: str, what: str) -> Iterator[None]:
        """One step; ``seconds[name]`` holds how long it took."""
        began = time.monotonic()
        self._current = what
        if self._status:
            self._status.update(f"{escape(what)} ...")
            self._status.start()
        else:
            self.say(f"{what} ...")
        try:
            yield
        finally:
            if self._status:
                self._status.stop()
        self.seconds[name] = round(time.monotonic() - began, 2)
        self.say(f"  {what}: {self.seconds[name]:.1f} s")

    def detail(self, text: str) -> None:
        """Show how far the current step is, on a terminal only."""
        if self._status:
            self._status.update(f"{escape(self._current)}: {escape(text)}")

    def say(self, text: str) -> None:
        """Print a line."""
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def total(self) -> float:
        """Seconds since the run began."""
        return round(time.monotonic() - self._began, 2)
