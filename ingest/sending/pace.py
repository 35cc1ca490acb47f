"""When each event goes out: as fast as possible, at a fixed rate, or the recorded time sped up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from threading import Event

from ingest.meaning.encoding import EncodedEvent

_MIN_WAIT_SECONDS = 0.001
Clock = Callable[[], float]
# (number of the event from 0, its time in ms) -> seconds after the start at which it is due
Schedule = Callable[[int, int], float]


def at_rate(events_per_second: float) -> Schedule:
    """A fixed number of events a second."""
    return lambda number, time_ms: number / events_per_second


def at_speed(factor: float) -> Schedule:
    """The time between recorded events divided by ``factor``: 1 is real time."""
    first: list[int] = []

    def due(number: int, time_ms: int) -> float:
        if not first:
            first.append(time_ms)
        return (time_ms - first[0]) / 1000 / factor

    return due


def at_pace(
    events: Iterable[EncodedEvent], schedule: Schedule | None, stop: Event, clock: Clock = time.monotonic
) -> Iterator[EncodedEvent]:
    """The events, each not before it is due; ends early once ``stop`` is set. No schedule: no waiting."""
    start = clock()
    for number, event in enumerate(events):
        if schedule is not None:
            wait = start + schedule(number, event.time_ms) - clock()
            if wait > _MIN_WAIT_SECONDS:
                stop.wait(wait)
        if stop.is_set():
            return
        yield event
