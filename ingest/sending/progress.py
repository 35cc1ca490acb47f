"""Shows how an ingest gets on: a line on a terminal, a file for another process."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

_EVERY_SECONDS = 0.5
Snapshot = Callable[[], dict[str, object]]


def write_progress(path: Path, snapshot: dict[str, object]) -> None:
    """Replace the file in one step, so that a reader never sees half of it."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(json.dumps(snapshot) + "\n", encoding="utf-8")
    beside.replace(path)


@contextmanager
def reported(snapshot: Snapshot, file: Path | None, console: Console) -> Iterator[None]:
    """Twice a second: rewrite ``file`` and, on a terminal, the status line; once more at the end."""
    finished = threading.Event()
    status = console.status("starting") if console.is_terminal else None

    def report() -> None:
        while not finished.wait(_EVERY_SECONDS):
            if file is not None:
                write_progress(file, snapshot())
            if status is not None:
                status.update(in_words(snapshot()))

    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_progress(file, snapshot())
    reporter = threading.Thread(target=report, name="progress", daemon=True)
    reporter.start()
    try:
        if status is not None:
            status.start()
        yield
    finally:
        finished.set()
        reporter.join()
        if status is not None:
            status.stop()


def in_words(snapshot: dict[str, object]) -> str:
    """One line for people."""
    words = (
        f"{snapshot['sent']:,} events sent, {snapshot['acknowledged']:,} acknowledged, "
        f"{snapshot['failed']:,} failed, {snapshot['rejected_lines']:,} lines rejected"
    )
    rate = snapshot.get("events_per_second")
    return f"{words} ({rate:,}/s)" if rate else words
