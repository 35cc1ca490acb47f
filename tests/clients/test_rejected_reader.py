from __future__ import annotations

import uuid

import pytest
from kafka import KafkaProducer

from clients.event_producer import BrokerUnavailableError
from clients.rejected_reader import read_rejected
from clients.topic_admin import create_topics
from contracts.topics import REJECT_OFFSET, REJECT_PARTITION, REJECT_REASON, REJECT_TOPIC, Topic


@pytest.fixture
def topic(broker: str) -> str:
    name = f"rejected-{uuid.uuid4().hex[:12]}"
    create_topics(broker, (Topic(name, 2),))
    return name


def _reject(broker: str, topic: str, value: bytes | None, headers: list[tuple[str, bytes]]) -> None:
    producer = KafkaProducer(bootstrap_servers=broker)
    producer.send(topic, key=b"u1", value=value, headers=headers)
    producer.flush()
    producer.close()


def test_a_rejected_event_is_read_with_its_bytes_and_its_origin_and_the_reason(
    broker: str, topic: str
) -> None:
    headers = [
        (REJECT_REASON, b"bad value"),
        (REJECT_TOPIC, b"interactions"),
        (REJECT_PARTITION, b"3"),
        (REJECT_OFFSET, b"41"),
    ]
    _reject(broker, topic, b"\xff{", headers)
    (event,) = read_rejected(broker, topic=topic)
    assert (event.reason, event.key, event.value) == ("bad value", b"u1", b"\xff{")
    assert (event.source_topic, event.source_partition, event.source_offset) == ("interactions", 3, 41)
    assert event.rejected_at > 1_600_000_000_000


def test_a_record_without_headers_is_still_shown(broker: str, topic: str) -> None:
    _reject(broker, topic, b"x", [])
    (event,) = read_rejected(broker, topic=topic)
    assert (event.reason, event.source_topic, event.source_offset) == ("no reason recorded", "", -1)


def test_reading_begins_at_the_oldest_and_ends_at_the_newest(broker: str, topic: str) -> None:
    for n in range(5):
        _reject(broker, topic, b"%d" % n, [(REJECT_REASON, b"r")])
    values = [event.value for event in read_rejected(broker, topic=topic)]
    assert sorted(values) == [b"%d" % n for n in range(5)]


def test_without_the_topic_nothing_was_rejected(broker: str) -> None:
    assert list(read_rejected(broker, topic="none-here")) == []


def test_a_missing_broker_is_one_sentence(closed_port: int) -> None:
    with pytest.raises(BrokerUnavailableError):
        next(read_rejected(f"127.0.0.1:{closed_port}", timeout=0.3))
