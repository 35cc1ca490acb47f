"""The behaviour of this client alone; test_event_producer.py tests what both have in common."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner import DefaultPartitioner

from clients import kafka_python_producer
from clients.event_producer import Delivery, ProducerLimits
from clients.kafka_python_producer import KafkaPythonProducer, _KeyPartitioner
from clients.topic_admin import create_topics
from contracts.topics import Topic


class Cluster:
    """The part of the library's metadata that a partitioner uses."""

    def __init__(self, partitions: int) -> None:
        self._all = set(range(partitions))

    def topics(self) -> set[str]:
        return {"t"}

    def partitions_for_topic(self, topic: str) -> set[int]:
        return self._all

    available_partitions_for_topic = partitions_for_topic


@given(st.binary(min_size=1, max_size=64), st.integers(1, 50))
def test_a_key_goes_to_the_partition_that_the_library_would_choose(key: bytes, partitions: int) -> None:
    cluster = Cluster(partitions)
    usual = DefaultPartitioner().partition("t", key, key, b"", b"", cluster)
    assert _KeyPartitioner().partition("t", key, key, b"", b"", cluster) == usual


def test_the_thread_of_an_idle_producer_sleeps_until_it_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    library = type("Library", (), {"flush": lambda self, timeout: None, "close": lambda self, timeout: None})
    monkeypatch.setattr(kafka_python_producer, "_open", lambda servers, limits: library())
    producer = KafkaPythonProducer("nowhere:9092", ProducerLimits())
    producer.close()
    assert not producer._reporter.is_alive()


@pytest.mark.servers
def test_a_dead_partition_does_not_delay_the_reports_of_other_partitions(broker: str) -> None:
    create_topics(broker, (Topic("held-back", partitions=1),))
    producer = KafkaPythonProducer(broker, ProducerLimits())
    seen: list[str] = []

    def note(delivery: Delivery | None, error: Exception | None) -> None:
        seen.append(delivery.topic if delivery else "none")

    stuck = type("Stuck", (), {"is_done": False, "get": lambda self, timeout: None})()
    producer._pending.append((stuck, 0, note))
    producer.send("held-back", b"k", b"v", note)
    producer.flush(5)
    assert seen == ["held-back"]
    stuck.is_done, stuck.value, stuck.exception = True, None, RuntimeError("late")
    producer.close()
    assert seen == ["held-back", "none"]
