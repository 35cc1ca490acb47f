from __future__ import annotations

import time
import uuid
from dataclasses import replace
from typing import cast

import pytest
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import KafkaConnectionError

from clients import topic_admin
from clients.event_producer import BrokerUnavailableError
from clients.topic_admin import create_topics, end_offsets, find_topic_faults, topic_ids
from contracts.settings import KafkaSettings
from contracts.topics import INTERACTIONS, TOPICS, Topic


def test_topics_are_created_as_declared_and_only_once(broker: str) -> None:
    create_topics(broker)
    assert create_topics(broker) == []
    assert {topic.name: sorted(end_offsets(broker, topic.name)) for topic in TOPICS} == {
        topic.name: list(range(topic.partitions)) for topic in TOPICS
    }
    assert _config(broker, INTERACTIONS.name).items() >= INTERACTIONS.config.items()


def test_an_existing_topic_is_not_changed(broker: str) -> None:
    name = f"test-{uuid.uuid4().hex[:12]}"
    assert create_topics(broker, (Topic(name, 2),)) == [name]
    assert create_topics(broker, (Topic(name, 5),)) == []
    assert end_offsets(broker, name) == {0: 0, 1: 0}


def test_a_topic_that_does_not_exist_has_no_offsets(broker: str) -> None:
    assert end_offsets(broker, "never-made") == {}


def test_existing_topics_are_checked_by_the_settings_that_the_broker_reports(broker: str) -> None:
    create_topics(broker)
    assert find_topic_faults(broker) == []
    name = f"test-{uuid.uuid4().hex[:12]}"
    foreign = Topic(name, 1, {"cleanup.policy": "compact", "min.insync.replicas": "2"})
    create_topics(broker, (foreign,))
    wanted = replace(INTERACTIONS, name=name)
    faults = find_topic_faults(broker, (wanted,))
    assert [(fault.topic, fault.is_grave) for fault in faults] == [(name, True)] * 3, list(map(str, faults))
    for cure in ("message.timestamp.type=LogAppendTime", "cleanup.policy=delete", "min.insync.replicas=1"):
        assert any(cure in str(fault) for fault in faults)
    assert find_topic_faults(broker, (Topic("never-made", 1),)) == []


def test_a_topic_that_is_created_again_has_another_id(broker: str) -> None:
    name = f"test-{uuid.uuid4().hex[:12]}"
    create_topics(broker, (Topic(name, 1),))
    first = topic_ids(broker, [name])
    assert topic_ids(broker, [name, "never-made"]) == first
    assert uuid.UUID(first[name]).int
    delete_topic(broker, name)
    create_topics(broker, (Topic(name, 1),))
    assert topic_ids(broker, [name]).keys() == first.keys()
    assert topic_ids(broker, [name]) != first


def test_a_broker_that_tells_no_ids_is_one_without_them() -> None:
    class OldBroker:
        def describe_topics(self, names: list[str]) -> list[dict[str, object]]:
            return [{"name": "a"}, {"name": "b", "topic_id": uuid.UUID(int=0)}]

    assert topic_admin._ids_of(cast(KafkaAdminClient, OldBroker()), ["a", "b"]) == {}


def test_a_broker_that_goes_away_while_it_is_asked_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    class Leaving:
        def __init__(self, **_: object) -> None:
            pass

        def partitions_for_topic(self, topic: str) -> set[int]:
            return {0}

        def end_offsets(self, partitions: object) -> None:
            raise KafkaConnectionError("socket disconnected")

        def close(self) -> None:
            pass

    monkeypatch.setattr(topic_admin, "wait_for_broker", lambda servers, timeout: servers)
    monkeypatch.setattr(topic_admin, "KafkaConsumer", Leaving)
    with pytest.raises(BrokerUnavailableError, match=r"no Kafka broker answers at 127\.0\.0\.1:1:"):
        end_offsets(KafkaSettings(kafka_bootstrap_servers="127.0.0.1:1"), "t")


def test_a_missing_broker_is_one_sentence(closed_port: int) -> None:
    for ask in (lambda b: create_topics(b, timeout=0.3), lambda b: end_offsets(b, "t", timeout=0.3)):
        with pytest.raises(BrokerUnavailableError, match="no Kafka broker answers"):
            ask(f"127.0.0.1:{closed_port}")


def delete_topic(broker: str, name: str) -> None:
    """Delete a topic, and wait until the broker lists it no longer."""
    admin = KafkaAdminClient(bootstrap_servers=broker)
    try:
        admin.delete_topics([name])
        deadline = time.monotonic() + 60
        while name in admin.list_topics():
            assert time.monotonic() < deadline, f"the broker still lists {name}"
            time.sleep(0.05)
    finally:
        admin.close()


def _config(broker: str, topic: str) -> dict[str, str]:
    admin = KafkaAdminClient(bootstrap_servers=broker)
    try:
        described = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    finally:
        admin.close()
    return {name: str(entry["value"]) for name, entry in described["topic"][topic].items()}
