"""How far the producer is, from the file that `headwater ingest --progress-file` rewrites."""

from __future__ import annotations

from pathlib import Path

from contracts.stored.ingest_progress import IngestProgress


def read_progress(path: Path) -> IngestProgress:
    """All zero before the producer has begun."""
    try:
        return IngestProgress.decode(path.read_text())
    except (OSError, ValueError):
        return IngestProgress()
