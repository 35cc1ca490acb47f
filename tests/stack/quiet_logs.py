"""Finds the lines of a stack's logs that would worry a reader."""

from __future__ import annotations

import re
from pathlib import Path

_TROUBLE = re.compile(r"\bERROR\b|\bFATAL\b|\"level\": \"(error|critical)\"|Exception|Traceback")


def troubling_lines(logs: Path) -> list[str]:
    """Lines of level ERROR, and those of a stack trace's head, over all services."""
    return [
        f"{log.name}: {line}"
        for log in sorted(logs.glob("*.log"))
        for line in log.read_text(errors="replace").splitlines()
        if _TROUBLE.search(line)
    ]
