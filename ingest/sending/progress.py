"""Shows the progress of an ingest: as a line on a terminal, and as a file for another process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from clients.whole_file import write_whole
from contracts.stored.ingest_progress import IngestProgress

_EVERY_SECONDS = 0.5
Snapshot = Callable[[], IngestProgress]


def write_progress(path: Path, progress: IngestProgress) -> None:
    """Replace the progress file atomically, so that a reader never sees half of it."""
    write_whole(path, progress.encode() + "\n")


@contextmanager
def reporting(snapshot: Snapshot, file: Path | None, console: Console) -> Iterator[None]:
    """While the block runs, update ``file`` and a terminal's status line twice a second; once more at its
    end."""
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


def in_words(progress: IngestProgress) -> str:
    """The progress as one line for people."""
    counts = []
    if progress.catalog_sent:
        counts.append(
            f"{progress.catalog_sent:,} catalogue entries sent, "
            f"{progress.catalog_acknowledged:,} acknowledged"
        )
    if progress.sent or not progress.catalog_sent:
        counts.append(f"{progress.sent:,} events sent, {progress.acknowledged:,} acknowledged")
    words = ", ".join([*counts, f"{progress.failed:,} failed", f"{progress.rejected_lines:,} lines rejected"])
    rate = progress.events_per_second
    return f"{words} ({rate:,}/s)" if rate else words
