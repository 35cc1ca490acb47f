"""Errors of a batch without the long part of their Java stack traces.

When a query is stopped, Spark looks in the error of its foreachBatch function for what interrupted it, by the
pattern ``(.|\\r\\n|\\r|\\n)*`` (StreamExecution.PROXY_ERROR, Spark 4). Java walks it by recursion, some five
frames a character, so the trace of an interrupted write of Delta overflows the stack, and the log of a clean
stop shows it.
"""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable, Iterator

from pyspark.sql import DataFrame

Write = Callable[[DataFrame, int], None]
LONGEST = 4_000  # characters, a third of what overflows eight megabytes
_FRAME = "\tat "
_FRAMES_EACH = 3  # frames that are kept of each exception and of each cause


class BatchFailedError(Exception):
    """A batch failed; the text is its error, with the first frames of each Java exception."""


def with_short_errors(write: Write) -> Write:
    """The same foreachBatch function; an error with a longer text is raised as BatchFailedError."""

    @functools.wraps(write)
    def run(batch: DataFrame, batch_id: int) -> None:
        try:
            write(batch, batch_id)
        except Exception:
            text = traceback.format_exc()
            if len(text) <= LONGEST:
                raise
            raise BatchFailedError(shorten(text)) from None

    return run


def shorten(text: str) -> str:
    """Shorten an error's text: only the first frames of each exception, and at most LONGEST characters."""
    return "\n".join(_first_frames(text.splitlines()))[:LONGEST]


def _first_frames(lines: list[str]) -> Iterator[str]:
    frames = 0
    for line in lines:
        frames = frames + 1 if line.startswith(_FRAME) else 0
        if frames <= _FRAMES_EACH:
            yield line
