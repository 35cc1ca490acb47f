from __future__ import annotations

import time
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient

from clients import topic_reach
from clients.topic_admin import create_topics, topic_begins, topic_ids
from clients.topic_reach import TopicReach
from contracts import topics
from contracts.topics import created_again
from stack.machine.ports import free_port
from tests.clients.test_topic_admin import delete_topic
from tests.faults.processes import wait_until
from tests.integration.flow import send


def test_the_ends_and_ids_of_topics_are_known_soon_and_updated(
    fresh_topics: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topic_reach, "_PARTITIONS_SECONDS", 0.2)
    reach = TopicReach(fresh_topics)
    reach.start()
    before = int(time.time() * 1000)
    assert reach.newest().ends == {**{f"interactions:{p}": 0 for p in range(4)}, "catalog:0": 0}
    send(fresh_topics, topics.CATALOG.name, [(b"a", b"{}"), (b"b", b"{}")])
    wait_until(lambda: reach.newest().ends["catalog:0"] == 2, "the end is followed")
    assert reach.newest().asked_at >= before
    assert topic_begins(fresh_topics)["catalog:0"] == 0
    add_partitions(fresh_topics, topics.CATALOG.name, 2)
    wait_until(lambda: reach.newest().ends.get("catalog:1") == 0, "the new partition is seen")
    known = topic_ids(fresh_topics)
    assert reach.ids == known
    delete_topic(fresh_topics, topics.EXPOSURES.name)
    create_topics(fresh_topics)
    wait_until(lambda: created_again(known, reach.ids) == [topics.EXPOSURES.name], "its new id is seen")
    reach.stop()
    reach.join(30)
    assert not reach.is_alive()


def add_partitions(bootstrap: str, topic: str, total: int) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_partitions({topic: total})
    admin.close()


def test_a_caller_that_waits_for_a_dead_broker_returns_when_the_reader_stops() -> None:
    reach = TopicReach(f"127.0.0.1:{free_port()}")
    reach.stop()
    assert reach.newest().ends == {}


def test_an_idle_topic_is_polled_less_often_until_a_record_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    end = [0]
    partition = TopicPartition("catalog", 0)
    monkeypatch.setattr("clients.topic_reach.time.monotonic", lambda: now[0])
    monkeypatch.setattr(topic_reach, "SOURCES", ("catalog",))
    monkeypatch.setattr(topic_reach, "partitions_of", lambda *_: [partition])
    monkeypatch.setattr(topic_reach, "ids_from", lambda *_: {})

    class Consumer:
        asked_partitions = 0

        def topics(self) -> None:
            self.asked_partitions += 1

        def end_offsets(self, partitions: object) -> dict[TopicPartition, int]:
            return {partition: end[0]}

    consumer: Any = Consumer()
    reach = TopicReach("nowhere:1")
    busy = reach.pause_seconds()
    reach._ask(consumer)
    assert reach.pause_seconds() == busy
    reach._ask(consumer)
    assert consumer.asked_partitions == 1
    now[0] += 60
    reach._ask(consumer)
    assert consumer.asked_partitions == 2  # partitions may have been added
    assert reach.pause_seconds() > busy
    end[0] = 1
    reach._ask(consumer)
    assert reach.pause_seconds() == busy
