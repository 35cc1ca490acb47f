"""Counts the lines that could not become events, and shows the first ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

SHOWN = 20


class RejectedLines:
    """Counts all rejected lines; keeps the first ``SHOWN`` and passes them to ``show``."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self.count = 0
        self.sample: list[str] = []

    def add(self, file: Path, line: int, reason: str) -> None:
        """Count one rejected line."""
        self.add_all(1, [f"{file}:{line}: {reason}"])

    def add_all(self, count: int, first: Iterable[str]) -> None:
        """Count several rejected lines; ``first`` describes the first of them."""
        before = self.count
        self.count += count
        for text in islice(first, max(0, SHOWN - before)):
            self.sample.append(text)
            self._show(text)
        if before <= SHOWN < self.count:
            self._show("further rejected lines are counted, not shown")


class SourceError(Exception):
    """The whole source cannot be read. The message is one sentence that says what to do."""


class NoTableError(SourceError):
    """A file holds no table. Where a source has several files, this one is skipped."""
