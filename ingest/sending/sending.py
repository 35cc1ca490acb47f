"""Sends the metadata and then the events, and counts which were acknowledged and which failed."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

from clients.event_producer import Delivery, EventProducer, EventTooLargeError
from contracts.catalog import CatalogEntry
from contracts.topics import CATALOG, INTERACTIONS
from ingest.meaning.encoding import EncodedEvent

_REASONS_KEPT = 5


@dataclass
class Counts:
    """How many events and catalogue entries were sent, acknowledged and failed so far."""

    sent: int = 0
    acknowledged: int = 0
    failed: int = 0
    catalog_sent: int = 0
    catalog_acknowledged: int = 0
    reasons: list[str] = field(default_factory=list)  # the first different reasons of failures

    def event_delivered(self, delivery: Delivery | None, error: Exception | None) -> None:
        """Count one event by the producer's report."""
        if error is None:
            self.acknowledged += 1
        else:
            self._count_failure(error)

    def entry_delivered(self, delivery: Delivery | None, error: Exception | None) -> None:
        """Count one catalogue entry by the producer's report."""
        if error is None:
            self.catalog_acknowledged += 1
        else:
            self._count_failure(error)

    def _count_failure(self, error: Exception) -> None:
        self.failed += 1
        reason = str(error) or type(error).__name__
        if len(self.reasons) < _REASONS_KEPT and reason not in self.reasons:
            self.reasons.append(reason)

    def give_up_the_rest(self) -> None:
        """Count as failed whatever the producer never reported on."""
        reported = self.acknowledged + self.catalog_acknowledged + self.failed
        for _ in range(self.sent + self.catalog_sent - reported):
            self._count_failure(TimeoutError("no acknowledgement before the end"))


def send_catalog(
    producer: EventProducer, entries: Iterable[CatalogEntry], counts: Counts, stop: threading.Event
) -> None:
    """Send all entries, or those before ``stop`` is set."""
    for entry in entries:
        if stop.is_set():
            return
        counts.catalog_sent += 1
        try:
            producer.send(CATALOG.name, entry.key, entry.to_json(), counts.entry_delivered)
        except EventTooLargeError as error:
            counts.entry_delivered(None, error)


def send_events(
    producer: EventProducer, events: Iterable[EncodedEvent], counts: Counts, topic: str = INTERACTIONS.name
) -> None:
    """Send all events. The iterable decides about pace and end."""
    send, delivered = producer.send, counts.event_delivered
    for _, _, key, value in events:
        counts.sent += 1
        try:
            send(topic, key, value, delivered)
        except EventTooLargeError as error:
            delivered(None, error)
