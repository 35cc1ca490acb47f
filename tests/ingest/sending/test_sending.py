from __future__ import annotations

import threading

from clients.event_producer import Delivery, EventTooLargeError, OnDelivery
from contracts.catalog import CatalogEntry
from ingest.meaning.encoding import EncodedEvent
from ingest.sending.sending import Counts, send_catalog, send_events


class Recorder:
    """A producer that keeps its records; keys beginning with `bad` fail, those with `big` are refused."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes, bytes]] = []

    def send(self, topic: str, key: bytes, value: bytes, on_delivery: OnDelivery) -> None:
        if key.startswith(b"big"):
            raise EventTooLargeError("too large")
        self.sent.append((topic, key, value))
        if key.startswith(b"bad"):
            on_delivery(None, RuntimeError("refused by the broker"))
        else:
            on_delivery(Delivery(topic, 0, len(self.sent)), None)

    def flush(self, timeout: float) -> int:
        return 0

    def close(self) -> None:
        return None


def _events(*keys: bytes) -> list[EncodedEvent]:
    return [EncodedEvent(0, n, key, b"{}") for n, key in enumerate(keys)]


def test_every_event_ends_as_acknowledged_or_failed_and_each_reason_is_kept_once() -> None:
    counts, producer = Counts(), Recorder()
    send_events(producer, _events(b"a", b"bad", b"big", b"bad", b"c"), counts)
    assert (counts.sent, counts.acknowledged, counts.failed) == (5, 2, 3)
    assert counts.reasons == ["refused by the broker", "too large"]


def test_events_whose_fate_is_unknown_count_as_failed() -> None:
    counts = Counts(sent=3, acknowledged=1, catalog_sent=1, catalog_acknowledged=1)
    counts.give_up_the_rest()
    assert counts.failed == 2
    assert counts.reasons == ["no acknowledgement before the end"]


def test_the_catalogue_goes_to_its_own_topic_under_its_key() -> None:
    counts, producer = Counts(), Recorder()
    send_catalog(producer, [CatalogEntry(kind="item", id="7", title="Heat")], counts, threading.Event())
    assert [(topic, key) for topic, key, _ in producer.sent] == [("catalog", b"item:7")]
    assert (counts.catalog_sent, counts.catalog_acknowledged, counts.sent) == (1, 1, 0)


def test_a_stopped_catalogue_sends_no_more() -> None:
    stop, producer = threading.Event(), Recorder()
    stop.set()
    send_catalog(producer, [CatalogEntry(kind="item", id="7")], Counts(), stop)
    assert not producer.sent
