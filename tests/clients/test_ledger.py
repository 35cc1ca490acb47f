from __future__ import annotations

import json
from pathlib import Path

import pytest

from clients.event_producer import Delivery, OnDelivery, ProducerError
from clients.ledger import LedgerError, LedgerProducer
from contracts.topics import INTERACTIONS

EVENT = b'{"event_id":"e%d","user_id":"u","item_id":"i","event_type":"view"}'


class Broker:
    """A producer that keeps the records it is given; keys beginning with `bad` fail."""

    def __init__(self, ledger: Path) -> None:
        self.ledger, self.lines_before, self.closed = ledger, list[int](), False

    def send(self, topic: str, key: bytes, value: bytes, on_delivery: OnDelivery) -> None:
        self.lines_before.append(len(self.ledger.read_bytes().splitlines()))
        if key.startswith(b"bad"):
            on_delivery(None, RuntimeError("refused by the broker"))
        else:
            on_delivery(Delivery(topic, 0, len(self.lines_before)), None)

    def flush(self, timeout: float) -> int:
        return 0

    def close(self) -> None:
        self.closed = True


class Reports:
    def __init__(self) -> None:
        self.seen: list[Delivery | Exception | None] = []

    def __call__(self, delivery: Delivery | None, error: Exception | None) -> None:
        self.seen.append(delivery or error)


def _send(path: Path, *keys: bytes, topic: str = INTERACTIONS.name) -> tuple[Broker, Reports]:
    broker, reports = Broker(path), Reports()
    producer = LedgerProducer(broker, path)
    for n, key in enumerate(keys):
        producer.send(topic, key, EVENT % n, reports)
    assert producer.flush(1) == 0
    producer.close()
    assert broker.closed
    return broker, reports


def _lines(path: Path) -> list[tuple[str, int | None]]:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [(line["event_id"], line.get("offset")) for line in lines]


def test_the_ledger_has_an_event_before_it_is_sent_and_its_acknowledgement_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "new" / "ledger.jsonl"
    broker, reports = _send(path, b"a", b"bad", b"c")
    assert broker.lines_before == [1, 3, 4]
    assert _lines(path) == [("e0", None), ("e0", 1), ("e1", None), ("e2", None), ("e2", 3)]
    assert reports.seen[0] == Delivery(INTERACTIONS.name, 0, 1)
    assert str(reports.seen[1]) == "refused by the broker"


def test_the_ledger_has_no_metadata(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    _, reports = _send(path, b"a", topic="catalog")
    assert path.read_bytes() == b""
    assert reports.seen == [Delivery("catalog", 0, 1)]


def test_a_second_run_appends_after_the_last_complete_line(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_text('{"event_id":"old"}\n{"event_id":"to')
    _send(path, b"a")
    assert _lines(path) == [("old", None), ("e0", None), ("e0", 1)]


def test_a_ledger_that_cannot_be_opened_names_the_cure(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LedgerError, match="name another file"):
        LedgerProducer(Broker(tmp_path), tmp_path / "file" / "ledger.jsonl")


def test_a_full_disk_stops_the_sender_before_it_sends_an_event_without_a_line(tmp_path: Path) -> None:
    broker = Broker(tmp_path)
    producer = LedgerProducer(broker, Path("/dev/full"))
    with pytest.raises(ProducerError, match="No space left on device"):
        producer.send(INTERACTIONS.name, b"a", EVENT % 0, Reports())
    assert broker.lines_before == []
    producer.close()
