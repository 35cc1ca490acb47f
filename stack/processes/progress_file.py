"""How far the producer is, from the file that `headwater ingest --progress-file` rewrites."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple


class IngestProgress(NamedTuple):
    """The producer's counts so far."""

    sent: int = 0
    acknowledged: int = 0
    failed: int = 0
    rejected_lines: int = 0
    done: bool = False


def read_progress(path: Path) -> IngestProgress:
    """All zero before the producer has begun."""
    try:
        raw = json.loads(path.read_text())
    except (OSError, ValueError):
        return IngestProgress()
    return IngestProgress(**{name: raw[name] for name in IngestProgress._fields if name in raw})
