"""Runs one ingest from source to final count; holds the producer, the signals and the clock."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice, takewhile
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from rich.console import Console

from clients.event_producer import EventProducer, ProducerLimits, open_producer
from clients.ledger import LedgerError, LedgerProducer
from clients.topic_admin import create_topics
from contracts.catalog import CatalogEntry
from contracts.settings import KafkaSettings
from contracts.stored.ingest_progress import IngestProgress
from ingest.files.rejected_lines import RejectedLines
from ingest.meaning.encoding import EncodedEvent
from ingest.sending.pace import Schedule, at_pace
from ingest.sending.progress import reporting, write_progress
from ingest.sending.replay_mark import ReplayedMark
from ingest.sending.sending import Counts, send_catalog, send_events

_FLUSH_SECONDS = 130.0  # more than the producer's own delivery timeout
_FLUSH_SECONDS_STOPPED = 5.0
_PATIENCE_SECONDS = 3.0  # how long a stopped run may wait for room in the producer's buffer


class Source(Protocol):
    """What an ingest reads events and metadata from."""

    def notes(self) -> list[str]:
        """What a person should know before the events go out."""

    def catalog(self, rejected: RejectedLines) -> Iterator[CatalogEntry]:
        """All metadata."""

    def events(self, rejected: RejectedLines) -> Iterator[EncodedEvent]:
        """All events in the order of their times."""


@dataclass
class Ingest:
    """What to send, how fast, and where to report progress."""

    source: Source
    settings: KafkaSettings
    console: Console
    history_schedule: Schedule | None = None  # None: without waiting
    live: Iterator[EncodedEvent] | None = None  # events after the history, sent by their own schedule
    live_schedule: Schedule | None = None
    limit: int | None = None
    progress_file: Path | None = None
    replayed: ReplayedMark | None = None  # if it exists, neither catalogue nor history is sent
    ledger: Path | None = None  # a file that notes every attempted and every acknowledged event
    connect_timeout_seconds: float = 5.0
    counts: Counts = field(default_factory=Counts)
    stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.rejected = RejectedLines(lambda text: self.console.print(text, markup=False, soft_wrap=True))
        self._started = time.monotonic()

    def run(self) -> IngestProgress:
        """Create the topics, send everything, wait for acknowledgements, and return the final count.

        Raises ProducerError if no broker answers or the ledger cannot be written, and SourceError if a file
        cannot be read.
        """
        if self.progress_file is not None:
            write_progress(self.progress_file, self.snapshot())
        limits = ProducerLimits(connect_timeout_seconds=self.connect_timeout_seconds)
        create_topics(self.settings, timeout=self.connect_timeout_seconds)
        producer = self._producer(limits)
        try:
            with stopping(self.stop, producer), reporting(self.snapshot, self.progress_file, self.console):
                self._send(producer)
                self._flush(producer)
        finally:
            producer.close()  # reports what is still unsent as failed
        self.counts.give_up_the_rest()
        final = replace(self.snapshot(), done=True)
        if self.progress_file is not None:
            write_progress(self.progress_file, final)
        return final

    def _producer(self, limits: ProducerLimits) -> EventProducer:
        producer = open_producer(self.settings, limits)
        if self.ledger is None:
            return producer
        try:
            return LedgerProducer(producer, self.ledger)
        except LedgerError:
            producer.close()
            raise

    def _send(self, producer: EventProducer) -> None:
        if self.replayed is not None and self.replayed.is_there():
            self.console.print("This source has been replayed before: its history is not sent again")
        else:
            self._send_history(producer)
        if self.live is not None:
            left = None if self.limit is None else self.limit - self.counts.sent
            live = at_pace(self.live, self.live_schedule, self.stop)
            send_events(producer, islice(live, left), self.counts)

    def _send_history(self, producer: EventProducer) -> None:
        send_catalog(producer, self.source.catalog(self.rejected), self.counts, self.stop)
        history = takewhile(lambda _: not self.stop.is_set(), self.source.events(self.rejected))
        events = islice(at_pace(history, self.history_schedule, self.stop), self.limit)
        send_events(producer, events, self.counts)
        if self.replayed is not None:
            self._flush(producer)
            whole = self.counts.sent == self.counts.acknowledged and not self.stop.is_set()
            if whole and self.limit is None:
                self.replayed.write()

    def _flush(self, producer: EventProducer) -> None:
        """Wait for acknowledgements in short steps, so that a signal ends the wait early."""
        started = time.monotonic()
        stopped: float | None = None
        while producer.flush(0.5):
            now = time.monotonic()
            if self.stop.is_set() and stopped is None:
                stopped = now
            if now - started > _FLUSH_SECONDS or (stopped and now - stopped > _FLUSH_SECONDS_STOPPED):
                return

    def snapshot(self) -> IngestProgress:
        """The counts so far."""
        seconds = time.monotonic() - self._started
        return IngestProgress(
            sent=self.counts.sent,
            acknowledged=self.counts.acknowledged,
            failed=self.counts.failed,
            rejected_lines=self.rejected.count,
            rejected_sample=tuple(self.rejected.sample),
            catalog_sent=self.counts.catalog_sent,
            catalog_acknowledged=self.counts.catalog_acknowledged,
            seconds=round(seconds, 3),
            events_per_second=round(self.counts.acknowledged / seconds) if seconds > 0 else 0,
        )


@contextmanager
def stopping(stop: threading.Event, producer: EventProducer) -> Iterator[None]:
    """While the block runs, SIGINT and SIGTERM set ``stop``, and close a producer whose buffer stays full."""

    finished = threading.Event()

    def close_later() -> None:
        if not finished.wait(_PATIENCE_SECONDS):
            producer.close()

    def on_signal(number: int, frame: FrameType | None) -> None:
        stop.set()
        threading.Thread(target=close_later, name="close-later", daemon=True).start()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous: dict[int, Any] = {n: signal.signal(n, on_signal) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        finished.set()
        for number, handler in previous.items():
            signal.signal(number, handler)
