"""Lines that became no event: each is counted, the first ones are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

SHOWN = 20


class RejectedLines:
    """Counts them all, passes the first ``SHOWN`` on and keeps those."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self.count = 0
        self.sample: list[str] = []

    def add(self, file: Path, line: int, reason: str) -> None:
        """One more line that became no event."""
        self.add_all(1, [f"{file}:{line}: {reason}"])

    def add_all(self, count: int, first: Iterable[str]) -> None:
        """More lines that became no event, the first of them in words."""
        before = self.count
        self.count += count
        for text in islice(first, max(0, SHOWN - before)):
            self.sample.append(text)
            self._show(text)
        if before <= SHOWN < self.count:
            self._show("further rejected lines are counted, not shown")


class SourceError(Exception):
    """The source as a whole cannot be read; one sentence that says what to do."""


class NoTableError(SourceError):
    """A file that holds no table of any kind: among others it is left aside."""
