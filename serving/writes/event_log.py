"""Writes events to Kafka. A write returns after the broker's acknowledgement, or fails in bounded time."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from clients.event_producer import Delivery, EventProducer, ProducerError, ProducerLimits, open_producer
from contracts.settings import KafkaSettings
from contracts.topics import INTERACTIONS, Topic

_log = logging.getLogger(__name__)
MAX_WAITING = 64  # requests that hand events to the producer; more would only wait for a slow broker
REOPEN_SECONDS = 1.0
_THREADS = 4
Opens = Callable[[KafkaSettings, ProducerLimits], EventProducer]


class EventLogError(Exception):
    """Not every event was acknowledged; those that were may be sent again with the same event_id."""


class Entry(Protocol):
    """What can be appended to a topic: an interaction, an entry of the catalogue."""

    @property
    def key(self) -> bytes:
        """The record's key."""

    def to_json(self) -> bytes:
        """The record's value."""


class Acknowledgements:
    """Collects the acknowledgements of one request, which come from the producer's thread."""

    def __init__(self, expected: int) -> None:
        self._loop = asyncio.get_running_loop()
        self.offsets: asyncio.Future[dict[int, int]] = self._loop.create_future()
        self.producer: EventProducer | None = None  # that took the events
        self._lock = threading.Lock()
        self._waiting = expected
        self._offsets: dict[int, int] = {}

    def on_delivery(self, delivery: Delivery | None, error: Exception | None) -> None:
        """The producer's report on one event."""
        if delivery is None:
            self.fail(error or ProducerError("an event was not acknowledged"))
            return
        with self._lock:
            last = self._offsets.get(delivery.partition, -1)
            self._offsets[delivery.partition] = max(last, delivery.offset)
            self._waiting -= 1
            complete = self._waiting == 0
        if complete:
            self._settle(lambda: self.offsets.set_result(self._offsets))

    def fail(self, error: Exception) -> None:
        """Give up; later reports change nothing."""
        self._settle(lambda: self.offsets.set_exception(EventLogError(str(error))))

    def _settle(self, outcome: Callable[[], None]) -> None:
        def settle() -> None:
            if not self.offsets.done():
                outcome()

        try:
            self._loop.call_soon_threadsafe(settle)
        except RuntimeError:
            _log.info("an event was reported after the API had stopped")


class EventLog:
    """Appends to a topic, interactions by default; opened by the first write, so reads never need Kafka."""

    def __init__(self, settings: KafkaSettings, timeout_seconds: float, opens: Opens = open_producer) -> None:
        self._settings = settings
        self._timeout = timeout_seconds
        self._opens = opens
        self._producer: EventProducer | None = None
        self._opening = threading.Lock()
        self._reopen_at = 0.0
        self._waiting = 0
        self.reached: dict[int, int] = {}  # partition of `interactions` -> last offset written here
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="event-log")

    async def append(self, events: Sequence[Entry], topic: Topic = INTERACTIONS) -> dict[int, int]:
        """Partition -> offset of the last event there, once all are acknowledged.

        Raises EventLogError within ``timeout_seconds``.
        """
        if self._waiting >= MAX_WAITING:
            raise EventLogError("too many writes wait for Kafka")
        acknowledgements = Acknowledgements(len(events))
        expires = time.monotonic() + self._timeout
        self._waiting += 1
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._threads, self._send, topic.name, events, acknowledgements, expires)
        work.add_done_callback(self._count_handed_over)
        try:
            offsets = await asyncio.wait_for(acknowledgements.offsets, self._timeout)
        except (TimeoutError, asyncio.TimeoutError) as error:
            self._replace(acknowledgements.producer)
            raise EventLogError("Kafka did not acknowledge in time") from error
        if topic is INTERACTIONS:
            self.reached.update(offsets)
        return offsets

    def close(self) -> None:
        """Stop. Events of waiting requests that are not sent were never reported as accepted."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._producer is not None:
            self._producer.close()

    def _count_handed_over(self, _: object) -> None:
        self._waiting -= 1

    def _send(
        self, topic: str, events: Sequence[Entry], acknowledgements: Acknowledgements, expires: float
    ) -> None:
        try:
            producer = acknowledgements.producer = self._open(expires)
            for event in events:
                if acknowledgements.offsets.done() or time.monotonic() > expires:
                    return
                producer.send(topic, event.key, event.to_json(), acknowledgements.on_delivery)
        except Exception as error:
            _log.warning("events were not sent: %s", error)
            acknowledgements.fail(error)

    def _replace(self, producer: EventProducer | None) -> None:
        """Let the next write open another producer. One whose events expired may never send again.

        kafka-python's does not, where a broker stands still for longer than its delivery timeout.
        """
        if producer is not None and self._producer is producer:
            self._producer = None
            self._threads.submit(producer.close)

    def _open(self, expires: float) -> EventProducer:
        with self._opening:
            if self._producer is None:
                # Requests that waited for an attempt that failed must not all try again, one after another.
                if time.monotonic() < self._reopen_at or time.monotonic() > expires:
                    raise ProducerError("Kafka did not answer just now")
                self._producer = self._open_producer()
            return self._producer

    def _open_producer(self) -> EventProducer:
        limits = ProducerLimits(
            linger_ms=2,
            connect_timeout_seconds=self._timeout * 0.8,
            delivery_timeout_seconds=self._timeout,
        )
        try:
            return self._opens(self._settings, limits)
        except ProducerError:
            self._reopen_at = time.monotonic() + REOPEN_SECONDS
            raise
