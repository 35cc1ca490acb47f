from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from clients.event_producer import BrokerUnavailableError, Delivery, OnDelivery, ProducerLimits
from contracts.events import Interaction
from contracts.settings import KafkaSettings
from serving.writes.event_log import REOPEN_SECONDS, EventLog, EventLogError

EVENTS = [Interaction(event_type="view", user_id=f"u{i}", item_id="i") for i in range(5)]
Report = Callable[[int, OnDelivery], None]


class FakeProducer:
    """Reports each delivery from another thread, as the real producers do."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self.sent = 0

    def send(self, topic: str, key: bytes, value: bytes, on_delivery: OnDelivery) -> None:
        assert topic == "interactions"
        number, self.sent = self.sent, self.sent + 1
        threading.Thread(target=self._report, args=(number, on_delivery)).start()

    def flush(self, timeout: float) -> int:
        return 0

    def close(self) -> None:
        pass


def log_over(report: Report, timeout: float = 2.0) -> EventLog:
    return EventLog(KafkaSettings(), timeout, lambda *_: FakeProducer(report))


def acknowledge(number: int, on_delivery: OnDelivery) -> None:
    on_delivery(Delivery("interactions", number % 2, 100 + number), None)


def append(log: EventLog) -> dict[int, int]:
    async def run() -> dict[int, int]:
        return await log.append(EVENTS)

    try:
        return asyncio.run(run())
    finally:
        log.close()


def test_a_write_gives_the_last_offset_of_each_partition() -> None:
    assert append(log_over(acknowledge)) == {0: 104, 1: 103}


def test_one_failed_event_fails_the_request() -> None:
    def report(number: int, on_delivery: OnDelivery) -> None:
        if number == 3:
            on_delivery(None, RuntimeError("no leader"))
        else:
            acknowledge(number, on_delivery)

    with pytest.raises(EventLogError, match="no leader"):
        append(log_over(report))


def test_an_event_without_a_report_fails_the_request_at_its_deadline() -> None:
    def report(number: int, on_delivery: OnDelivery) -> None:
        if number != 3:
            acknowledge(number, on_delivery)

    started = time.monotonic()
    with pytest.raises(EventLogError, match="in time"):
        append(log_over(report, timeout=0.2))
    assert time.monotonic() - started < 10  # fifty times the limit: without one, it would wait for ever


@pytest.mark.parametrize("writes", [0, 1])
def test_a_producer_that_acknowledges_no_more_after_some_writes_is_replaced(writes: int) -> None:
    """As kafka-python's does for good where a broker stands still for longer than its delivery timeout."""

    def first_only(number: int, on_delivery: OnDelivery) -> None:
        if number < writes * len(EVENTS):
            acknowledge(number, on_delivery)

    made: list[FakeProducer] = []

    def opens(*_: object) -> FakeProducer:
        made.append(FakeProducer(acknowledge if made else first_only))
        return made[-1]

    log = EventLog(KafkaSettings(), 0.2, opens)

    async def run() -> None:
        for _ in range(writes):
            await log.append(EVENTS)
        with pytest.raises(EventLogError, match="in time"):
            await log.append(EVENTS)
        await log.append(EVENTS)
        await log.append(EVENTS)

    try:
        asyncio.run(run())
    finally:
        log.close()
    assert len(made) == 2


def test_after_a_failed_start_requests_fail_at_once_and_a_later_one_starts_the_producer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attempts, clock = 0, [1000.0]
    monkeypatch.setattr("serving.writes.event_log.time", SimpleNamespace(monotonic=lambda: clock[0]))

    def opens(_: KafkaSettings, limits: ProducerLimits) -> FakeProducer:
        nonlocal attempts
        attempts += 1
        assert limits.connect_timeout_seconds < 2.0
        if attempts == 1:
            raise BrokerUnavailableError("nowhere")
        return FakeProducer(acknowledge)

    async def run() -> None:
        log = EventLog(KafkaSettings(), 2.0, opens)
        for moment in (0.0, REOPEN_SECONDS / 2, REOPEN_SECONDS - 0.01):
            clock[0] = 1000.0 + moment
            with pytest.raises(EventLogError):
                await log.append(EVENTS)
        assert attempts == 1
        clock[0] = 1000.0 + REOPEN_SECONDS
        assert await log.append(EVENTS)
        log.close()

    asyncio.run(run())


def test_a_report_after_the_end_of_the_event_loop_is_harmless() -> None:
    late: list[OnDelivery] = []
    with pytest.raises(EventLogError):
        append(log_over(lambda _, on_delivery: late.append(on_delivery), timeout=0.1))
    for on_delivery in late:
        acknowledge(0, on_delivery)
        on_delivery(None, RuntimeError("too late"))
