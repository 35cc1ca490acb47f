"""The end of a service's log as text: lines of JSON are translated, all others stay as they are."""

from __future__ import annotations

import json
import os
from pathlib import Path

_MOST_BYTES = 64_000


def last_lines(log: Path, start: int, count: int) -> list[str]:
    """The last ``count`` lines of text among those logged from byte ``start`` on."""
    with log.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(min(start, size), size - _MOST_BYTES))
        text = stream.read().decode(errors="replace")
    return [shown for line in text.splitlines()[-count:] for shown in as_text(line)][-count:]


def as_text(line: str) -> list[str]:
    """A line of a log as lines of text: time, level, logger, message, then the stack trace."""
    try:
        fields = json.loads(line)
        head = "{time} {level} {logger}: {message}".format(**fields)
    except (ValueError, KeyError, TypeError):  # a JVM's line, or one without its beginning
        return [line]
    return [*head.splitlines(), *str(fields.get("trace", "")).splitlines()]
