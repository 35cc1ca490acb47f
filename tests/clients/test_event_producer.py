"""One behaviour suite for both producers, against a real broker."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Literal

import pytest

from clients.event_producer import (
    BrokerUnavailableError,
    ClientMissingError,
    Delivery,
    EventProducer,
    EventTooLargeError,
    ProducerError,
    ProducerLimits,
    checked_size,
    open_producer,
)
from clients.topic_admin import create_topics, end_offsets, partitions_of, quiet_consumer
from contracts.settings import KafkaSettings
from contracts.topics import MAX_EVENT_BYTES, Topic

Client = Literal["kafka-python", "confluent"]
CLIENTS: tuple[Client, ...] = ("kafka-python", "confluent")
Opens = Callable[..., EventProducer]
Hanging = Callable[[], AbstractContextManager[None]]


class Reports:
    """The deliveries and errors that the producer reported."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self.errors: list[Exception] = []

    def __call__(self, delivery: Delivery | None, error: Exception | None) -> None:
        assert (delivery is None) != (error is None)
        if delivery is not None:
            self.deliveries.append(delivery)
        if error is not None:
            self.errors.append(error)


@pytest.fixture
def topic(broker: str) -> str:
    name = f"test-{uuid.uuid4().hex[:12]}"
    create_topics(broker, (Topic(name, partitions=3, config={"max.message.bytes": str(MAX_EVENT_BYTES)}),))
    return name


@pytest.fixture(params=CLIENTS)
def opens(request: pytest.FixtureRequest, broker: str) -> Iterator[Opens]:
    opened: list[EventProducer] = []

    def open_one(**limits: float) -> EventProducer:
        settings = KafkaSettings(kafka_bootstrap_servers=broker, kafka_client=request.param)
        opened.append(open_producer(settings, ProducerLimits(**limits)))  # type: ignore[arg-type]
        return opened[-1]

    yield open_one
    for producer in opened:
        producer.close()


def test_every_event_is_reported_once_with_its_partition_and_offset(
    opens: Opens, topic: str, broker: str
) -> None:
    producer, reports = opens(), Reports()
    for n in range(5_000):
        producer.send(topic, b"u%d" % (n % 50), b"value %d" % n, reports)
    assert producer.flush(60) == 0
    assert not reports.errors
    assert len(set(reports.deliveries)) == 5_000
    ends = end_offsets(broker, topic)
    assert sum(ends.values()) == 5_000
    assert {(d.topic, d.partition) for d in reports.deliveries} == {
        (topic, p) for p, end in ends.items() if end
    }


def test_the_events_of_one_user_keep_their_order(opens: Opens, topic: str, broker: str) -> None:
    producer = opens(batch_bytes=1_000)
    for n in range(2_000):
        producer.send(topic, b"u%d" % (n % 7), b"%d" % n, Reports())
    assert producer.flush(60) == 0
    by_user: dict[bytes, list[int]] = {}
    for key, value, _ in _records(broker, topic):
        by_user.setdefault(key, []).append(int(value))
    assert {key: sorted(values) for key, values in by_user.items()} == by_user


def test_an_event_is_reported_without_a_flush(opens: Opens, topic: str) -> None:
    arrived = threading.Event()
    opens().send(topic, b"u", b"v", lambda delivery, error: arrived.set())
    assert arrived.wait(60)


def test_an_event_of_10_mb_is_refused_before_sending(opens: Opens, topic: str) -> None:
    producer, reports = opens(), Reports()
    with pytest.raises(EventTooLargeError, match=r"10,000,001 bytes .* limit"):
        producer.send(topic, b"u", b"x" * 10_000_000, reports)
    assert producer.flush(5) == 0
    assert not reports.deliveries
    assert not reports.errors


def test_the_broker_accepts_the_largest_event_allowed(opens: Opens, topic: str) -> None:
    producer, reports, n = opens(), Reports(), MAX_EVENT_BYTES
    with pytest.raises(EventTooLargeError):
        producer.send(topic, b"u", b"x" * n, reports)
    while n:
        try:
            checked_size(b"u", b"x" * n)
        except EventTooLargeError:
            n -= 1
        else:
            break
    producer.send(topic, b"u", b"x" * n, reports)
    assert producer.flush(60) == 0
    assert len(reports.deliveries) == 1


def test_a_topic_that_does_not_exist_is_reported_as_an_error(opens: Opens) -> None:
    producer, reports = opens(delivery_timeout_seconds=2), Reports()
    producer.send("no-such-topic", b"u", b"v", reports)
    assert producer.flush(20) == 0
    assert len(reports.errors) == 1


def test_a_full_buffer_makes_the_sender_wait_and_loses_nothing(opens: Opens, topic: str) -> None:
    producer, reports = opens(max_events=20, max_bytes=4_096), Reports()
    for n in range(500):
        producer.send(topic, b"u%d" % n, b"x" * 300, reports)
    assert producer.flush(60) == 0
    assert len(reports.deliveries) == 500


def test_a_callback_that_fails_does_not_stop_the_producer(
    opens: Opens, topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    def raise_error(delivery: Delivery | None, error: Exception | None) -> None:
        raise RuntimeError("a bug of the caller")

    producer, reports = opens(), Reports()
    producer.send(topic, b"u", b"1", raise_error)
    producer.send(topic, b"u", b"2", reports)
    assert producer.flush(60) == 0
    assert len(reports.deliveries) == 1
    assert "a delivery callback failed" in caplog.text


def test_several_threads_can_share_a_producer(opens: Opens, topic: str) -> None:
    producer, reports = opens(), Reports()

    def send_some(name: int) -> None:
        for n in range(300):
            producer.send(topic, b"t%d" % name, b"%d" % n, reports)

    threads = [threading.Thread(target=send_some, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert producer.flush(60) == 0
    assert len(set(reports.deliveries)) == 1_200


def test_closing_twice_is_harmless_and_reports_what_was_sent(opens: Opens, topic: str) -> None:
    producer, reports = opens(), Reports()
    producer.send(topic, b"u", b"v", reports)
    producer.close()
    producer.close()
    assert len(reports.deliveries) == 1


def test_closing_while_the_broker_hangs_reports_what_is_unsent_and_ends_in_time(
    opens: Opens, topic: str, hanging: Hanging
) -> None:
    producer, reports = opens(), Reports()
    producer.send(topic, b"u", b"v", reports)
    assert producer.flush(60) == 0
    with hanging():
        for n in range(100):
            producer.send(topic, b"u%d" % n, b"v", reports)
        assert producer.flush(0.5) == 100
        started = time.monotonic()
        producer.close()
        assert time.monotonic() - started < 12
    assert (len(reports.deliveries), len(reports.errors)) == (1, 100)


def test_events_fail_after_their_timeout_while_the_broker_hangs(
    opens: Opens, topic: str, hanging: Hanging
) -> None:
    producer, connected, reports = opens(delivery_timeout_seconds=3), Reports(), Reports()
    for _ in range(10):  # on a busy machine, connecting may take longer than an event may wait
        producer.send(topic, b"u", b"v", connected)
        assert producer.flush(20) == 0
        if connected.deliveries:
            break
    assert connected.deliveries
    with hanging():
        producer.send(topic, b"u", b"v", reports)
        assert producer.flush(20) == 0
    assert (len(reports.deliveries), len(reports.errors)) == (0, 1)


def test_nothing_is_lost_or_doubled_when_the_broker_hangs_for_a_while(
    opens: Opens, topic: str, hanging: Hanging, broker: str
) -> None:
    producer, reports = opens(), Reports()
    for n in range(200):
        producer.send(topic, b"u%d" % n, b"%d" % n, reports)
    with hanging():
        for n in range(200, 400):
            producer.send(topic, b"u%d" % n, b"%d" % n, reports)
        time.sleep(2)
    assert producer.flush(60) == 0
    assert (len(reports.deliveries), len(reports.errors)) == (400, 0)
    assert sorted(int(value) for _, value, _ in _records(broker, topic)) == list(range(400))


@pytest.mark.servers
def test_both_kafka_clients_put_a_user_on_the_same_partition(topic: str, broker: str) -> None:
    keys = [f"user-{n}".encode() for n in range(200)] + ["ü".encode(), b"1"]
    placed = []
    for client in CLIENTS:
        producer = open_producer(KafkaSettings(kafka_bootstrap_servers=broker, kafka_client=client))
        reports: dict[bytes, Reports] = {key: Reports() for key in keys}
        for key, report in reports.items():
            producer.send(topic, key, b"v", report)
        assert producer.flush(60) == 0
        producer.close()
        placed.append({key: report.deliveries[0].partition for key, report in reports.items()})
    assert placed[0] == placed[1]


@pytest.mark.parametrize("client", CLIENTS)
def test_a_missing_broker_is_one_sentence_within_the_given_time(client: Client, closed_port: int) -> None:
    settings = KafkaSettings(kafka_bootstrap_servers=f"127.0.0.1:{closed_port}", kafka_client=client)
    started = time.monotonic()
    with pytest.raises(
        BrokerUnavailableError, match=r"no Kafka broker answers at .* start one with `headwater up`"
    ):
        open_producer(settings, ProducerLimits(connect_timeout_seconds=0.5))
    assert time.monotonic() - started < 9  # not the 10 s of the default


@pytest.mark.parametrize(
    "address", ["localhost", "localhost:", ":9092", "localhost:kafka", "", "SSL://kafka:9093"]
)
def test_an_address_without_a_port_is_named_in_the_error(address: str) -> None:
    with pytest.raises(ProducerError, match="is not a broker address: write host:port"):
        open_producer(KafkaSettings(kafka_bootstrap_servers=address))


def test_the_error_for_a_missing_package_names_the_extra() -> None:
    code = (
        "import sys; sys.modules['confluent_kafka'] = None\n"
        "from clients.event_producer import open_producer\n"
        "from contracts.settings import KafkaSettings\n"
        "open_producer(KafkaSettings(kafka_client='confluent'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ClientMissingError.__name__ in done.stderr
    assert "pip install 'headwater[confluent]'" in done.stderr


def _records(broker: str, topic: str) -> Iterator[tuple[bytes, bytes, int]]:
    with quiet_consumer(broker, 10) as consumer:
        partitions = partitions_of(consumer, topic)
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        ends = consumer.end_offsets(partitions)
        while any(consumer.position(p) < end for p, end in ends.items()):
            for records in consumer.poll(timeout_ms=500).values():
                yield from ((r.key, r.value, r.partition) for r in records)
