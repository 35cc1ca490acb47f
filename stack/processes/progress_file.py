"""Reads the producer's progress from the file that `headwater ingest --progress-file` writes."""

from __future__ import annotations

from pathlib import Path

from contracts.stored.ingest_progress import IngestProgress


def read_progress(path: Path) -> IngestProgress:
    """The producer's progress; all zero before it has begun."""
    try:
        return IngestProgress.decode(path.read_text())
    except (OSError, ValueError):
        return IngestProgress()
