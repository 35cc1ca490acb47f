"""Lines that became no event: each is counted, the first ones are shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

SHOWN = 20


class RejectedLine(NamedTuple):
    """Where the line stands and why it was left out."""

    file: Path
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


class RejectedLines:
    """Counts them all and passes the first ``SHOWN`` on."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self.count = 0

    def add(self, file: Path, line: int, reason: str) -> None:
        """One more line that became no event."""
        self.count += 1
        if self.count <= SHOWN:
            self._show(str(RejectedLine(file, line, reason)))
        elif self.count == SHOWN + 1:
            self._show("further rejected lines are counted, not shown")


class SourceError(Exception):
    """The source as a whole cannot be read; one sentence that says what to do."""
