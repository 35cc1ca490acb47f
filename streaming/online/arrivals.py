"""Groups rows into micro-batches: each holds the rows that arrived while the one before was processed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from queue import Queue
from typing import NamedTuple, TypeVar

T = TypeVar("T")


def group_arrivals(rows: Iterator[T], pause_seconds: float, most: int) -> Iterator[list[T]]:
    """Yield lists of 1 to ``most`` rows in order, each at least ``pause_seconds`` after the one before.

    A row that comes after a longer pause is yielded at once. If ``rows`` raises an error, the rows before it
    are yielded first.
    """
    waiting: Queue[T | _End] = Queue(most)
    threading.Thread(target=_read, args=(rows, waiting), daemon=True, name="rows").start()
    end: _End | None = None
    while end is None:
        batch, end = _take_arrivals(waiting, most)
        if batch:
            started = time.monotonic()
            yield batch
            if end is None:
                time.sleep(max(0.0, pause_seconds - (time.monotonic() - started)))
    if end.error is not None:
        raise end.error


class _End(NamedTuple):
    error: BaseException | None


def _read(rows: Iterator[T], waiting: Queue[T | _End]) -> None:
    try:
        for row in rows:
            waiting.put(row)
    except BaseException as error:
        waiting.put(_End(error))
    else:
        waiting.put(_End(None))


def _take_arrivals(waiting: Queue[T | _End], most: int) -> tuple[list[T], _End | None]:
    """Wait for a row, and take it with those that are already waiting behind it."""
    batch: list[T] = []
    arrival = waiting.get()
    while not isinstance(arrival, _End):
        batch.append(arrival)
        if len(batch) == most or waiting.empty():
            return batch, None
        arrival = waiting.get()
    return batch, arrival
