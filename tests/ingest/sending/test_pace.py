from __future__ import annotations

from threading import Event

import pytest

from ingest.meaning.encoding import EncodedEvent
from ingest.sending.pace import Schedule, at_pace, at_rate, at_speed


class Clock(Event):
    """A stop event whose waiting moves its own clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def wait(self, timeout: float | None = None) -> bool:
        self.now += timeout or 0
        return self.is_set()


def _events(*times: int) -> list[EncodedEvent]:
    return [EncodedEvent(time, n, b"", b"") for n, time in enumerate(times)]


@pytest.mark.parametrize(
    ("schedule", "due"),
    [
        (None, [0, 0, 0]),
        (at_rate(4), [0, 0.25, 0.5]),
        (at_speed(1), [0, 2, 6]),
        (at_speed(100), [0, 0.02, 0.06]),
    ],
)
def test_each_event_goes_out_when_it_is_due(schedule: Schedule | None, due: list[float]) -> None:
    clock = Clock()
    sent = [clock.now - 100 for _ in at_pace(_events(1_000, 3_000, 7_000), schedule, clock, clock)]
    assert sent == pytest.approx(due)


def test_a_late_event_is_not_delayed_further() -> None:
    clock, sent = Clock(), []
    for _ in at_pace(_events(0, 0, 0), at_rate(1), clock, clock):
        sent.append(clock.now - 100)
        clock.now += 5  # slow sending
    assert sent == pytest.approx([0, 5, 10])


def test_a_stop_ends_the_stream_even_during_a_pause() -> None:
    stop, sent = Event(), 0
    for _ in at_pace(_events(0, 3_600_000), at_speed(1), stop):
        sent += 1
        stop.set()
    assert sent == 1
