"""Decides when each event is sent: at once, at a fixed rate, or as recorded but faster by a factor."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from threading import Event

from ingest.meaning.encoding import EncodedEvent

_MIN_WAIT_SECONDS = 0.001
Clock = Callable[[], float]
# (number of the event from 0, its time in ms) -> how many seconds after the start it is due
Schedule = Callable[[int, int], float]


def at_rate(events_per_second: float) -> Schedule:
    """A schedule that sends a fixed number of events per second."""
    return lambda number, time_ms: number / events_per_second


def at_speed(factor: float) -> Schedule:
    """A schedule that divides the recorded times between events by ``factor``; 1 is real time."""
    first: list[int] = []

    def due(number: int, time_ms: int) -> float:
        if not first:
            first.append(time_ms)
        return (time_ms - first[0]) / 1000 / factor

    return due


def at_pace(
    events: Iterable[EncodedEvent], schedule: Schedule | None, stop: Event, clock: Clock = time.monotonic
) -> Iterator[EncodedEvent]:
    """Yield each event when it is due, or at once without a schedule. Ends early once ``stop`` is set."""
    start = clock()
    for number, event in enumerate(events):
        if schedule is not None:
            wait = start + schedule(number, event.time_ms) - clock()
            if wait > _MIN_WAIT_SECONDS:
                stop.wait(wait)
        if stop.is_set():
            return
        yield event
