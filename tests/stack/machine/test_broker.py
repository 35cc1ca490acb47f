from __future__ import annotations

from pathlib import Path

from clients.topic_admin import create_topics
from contracts.topics import Topic
from stack.machine.broker import ready, server_properties
from stack.machine.ports import free_port


def test_a_started_broker_answers_a_kafka_request(broker: str) -> None:
    assert ready(int(broker.rsplit(":", 1)[1]))


def test_a_started_broker_creates_topics(broker: str) -> None:
    assert create_topics(broker, [Topic("stack-test", 2)], timeout=30) == ["stack-test"]


def test_a_broker_is_not_ready_if_nothing_listens() -> None:
    assert not ready(free_port(), timeout=0.5)


def test_the_broker_listens_on_loopback_only(tmp_path: Path) -> None:
    listeners = server_properties(tmp_path, 1, 2)["listeners"]
    assert {part.split("//")[1].split(":")[0] for part in listeners.split(",")} == {"127.0.0.1"}
