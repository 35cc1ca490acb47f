"""POST /v1/events through a real broker."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import pytest

from clients.topic_admin import create_topics, end_offsets, quiet_consumer
from contracts.topics import INTERACTIONS, TOPICS
from headwater.client import Client, Event, EventBatches, ProblemError, Retries
from serving.writes.write_token import decode_token
from tests.serving.conftest import ServedApi
from tests.serving.world import World

GOOD = {"event_type": "rating", "user_id": "u1", "item_id": "i1", "value": 4.5}


@pytest.mark.parametrize("library", ["kafka-python", "confluent"])
def test_accepted_events_are_at_the_offsets_that_the_token_names(
    broker: str, start_api: Callable[..., ServedApi], library: str
) -> None:
    create_topics(broker, TOPICS)
    before = end_offsets(broker, INTERACTIONS.name)
    api = start_api(kafka_bootstrap_servers=broker, kafka_client=library, kafka_timeout_seconds=20)
    batch = [{**GOOD, "user_id": f"u{i}"} for i in range(1000)]
    batch[7] = {**GOOD, "value": 9}
    with httpx.Client(base_url=api.url, timeout=30) as client:
        one = client.post("/v1/events", json=GOOD)
        assert one.status_code == 202, one.text
        assert (one.json()["accepted"], one.json()["rejected"]) == (1, [])
        many = client.post("/v1/events", json={"events": batch}).json()
    with Client(api.url) as typed:
        refused: list[str] = []
        with EventBatches(typed.send_events, refused=lambda event, reason: refused.append(reason)) as batches:
            for item in range(20):
                batches.put(Event("rating", "u1", item, value=9 if item == 3 else 4))
        assert len(refused) == 1
    assert many["accepted"] == 999
    assert [each["index"] for each in many["rejected"]] == [7]
    assert "value" in many["rejected"][0]["reason"]
    after = end_offsets(broker, INTERACTIONS.name)
    assert sum(after.values()) - sum(before.values()) == 1000 + 19
    # Every partition got events, and the last of each was the one that the token names.
    ends = {partition: offset + 1 for partition, offset in decode_token(many["token"]).items()}
    assert ends.keys() == after.keys()
    assert sum(ends.values()) == sum(after.values()) - 19


def test_without_a_broker_events_are_a_503_and_reads_go_on(
    redis_url: str, start_api: Callable[..., ServedApi]
) -> None:
    World().write(redis_url)
    api = start_api(redis_url=redis_url, kafka_timeout_seconds=1)
    with httpx.Client(base_url=api.url, timeout=30) as client:
        for _ in range(3):
            response = client.post("/v1/events", json={"events": [GOOD] * 10})
            assert response.status_code == 503
            assert response.headers["retry-after"]
            # Ten times the limit; the client's own defaults would wait for half a minute and more.
            assert response.elapsed.total_seconds() < 10
            assert "accepted" not in response.json()
            assert client.get("/v1/popular").json()["stale"] is False
    with Client(api.url, retries=Retries(attempts=1)) as typed:
        assert typed.recommendations("ann", n=1).items[0].item_id == "i10"
        with pytest.raises(ProblemError, match="503"):
            typed.send_events([Event("view", "ann", "i1")])


def test_a_retraction_is_an_event(broker: str, start_api: Callable[..., ServedApi]) -> None:
    create_topics(broker, TOPICS)
    api = start_api(kafka_bootstrap_servers=broker, kafka_timeout_seconds=20)
    answer = httpx.post(
        f"{api.url}/v1/events", json={**GOOD, "event_type": "retract", "value": None}, timeout=30
    )
    assert answer.status_code == 202, answer.text
    ((partition, offset),) = decode_token(answer.json()["token"]).items()
    record = read_one(broker, partition, offset)
    assert json.loads(record.value)["event_type"] == "retract"  # type: ignore[attr-defined]


def test_the_record_on_the_topic_is_the_event_unchanged(
    broker: str, start_api: Callable[..., ServedApi]
) -> None:
    create_topics(broker, TOPICS)
    api = start_api(kafka_bootstrap_servers=broker, kafka_timeout_seconds=20)
    sent = {
        **GOOD,
        "user_id": "日本",
        "event_id": "0" * 8 + "-0000-0000-0000-" + "0" * 12,
        "event_time": 1_600_000_000_000,
    }
    answer = httpx.post(f"{api.url}/v1/events", json=sent, timeout=30)
    assert answer.status_code == 202, answer.text
    ((partition, offset),) = decode_token(answer.json()["token"]).items()
    record = read_one(broker, partition, offset)
    assert json.loads(record.value) == {**sent, "schema_version": 1}  # type: ignore[attr-defined]
    assert record.key == "日本".encode()  # type: ignore[attr-defined]


def read_one(broker: str, partition: int, offset: int) -> object:
    from kafka import TopicPartition

    with quiet_consumer(broker, 10) as consumer:
        place = TopicPartition(INTERACTIONS.name, partition)
        consumer.assign([place])
        consumer.seek(place, offset)
        for records in (consumer.poll(timeout_ms=1000) for _ in range(20)):
            for record in records.get(place, []):
                if record.offset == offset:
                    return record
    raise AssertionError("the event is not on the topic")
