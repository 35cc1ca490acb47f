"""The live query on a real broker, Spark and Redis."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from contracts import topics
from contracts.events import Interaction
from contracts.settings import StreamingSettings
from contracts.stored import keyspace
from contracts.stored.records import decode_history
from streaming.online.live import start_live
from streaming.online.position import StateWentBackError
from streaming.state.applied_offsets import read_applied, write_applied
from streaming.state.client import connect
from tests.integration.flow import send
from tests.streaming.records.test_frames import EVENT, OURS, avro, in_frame, moment

STARTS = {topics.INTERACTIONS.name: dict.fromkeys("0123", 0), topics.CATALOG.name: {"0": 0}}
APPLIED = topics.by_partition(STARTS)
_DEADLINE_SECONDS = 120


@pytest.fixture
def settings(service_settings: StreamingSettings, tmp_path: Path) -> StreamingSettings:
    mapping = tmp_path / "mapping.json"
    mapping.write_text('{"formats": [{"like": "segment"}], "schemas": {"1": "ours.avsc"}}')
    (tmp_path / "ours.avsc").write_text(json.dumps(OURS))
    return service_settings.model_copy(update={"online_task_seconds": 5, "event_mapping_file": str(mapping)})


@pytest.fixture
def client(settings: StreamingSettings) -> redis.Redis:
    client = connect(settings.redis_url.get_secret_value())
    write_applied(client, keyspace.APPLIED_ONLINE, APPLIED)
    return client


@pytest.fixture
def query(spark: SparkSession, client: redis.Redis, settings: StreamingSettings) -> Iterator[StreamingQuery]:
    running = start_live(spark, settings, STARTS)
    yield running
    running.stop()


def like(user: str, item: str, value: float | None = None) -> tuple[bytes, bytes]:
    event = Interaction(
        event_type="like" if value is None else "rating", user_id=user, item_id=item, value=value
    )
    return user.encode(), event.to_json()


def wait_until(done: Callable[[], bool], query: StreamingQuery) -> None:
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while not done():
        assert query.isActive, query.exception()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def tasks_ended(query: StreamingQuery) -> int:
    """The number of rounds of tasks that Spark has reported as ended."""
    progress = query.lastProgress
    return 0 if progress is None else 1 + int(progress["batchId"])


def known_items(client: redis.Redis, user: str) -> set[str]:
    return {item.decode() for item in client.hkeys(keyspace.history(user, 1))}  # type: ignore[union-attr]


def test_a_single_event_is_applied_as_it_arrives_even_between_two_tasks(
    query: StreamingQuery, client: redis.Redis, settings: StreamingSettings
) -> None:
    # Each event is sent when the one before is applied, so no event can wait for the next one.
    sent_events = 0
    while sent_events < 30 or not tasks_ended(query):
        item = f"i{sent_events}"
        send(settings.kafka_bootstrap_servers, topics.INTERACTIONS.name, [like("ann", item)])
        wait_until(lambda item=item: item in known_items(client, "ann"), query)  # type: ignore[misc]
        sent_events += 1
        # If Spark held a record until its task's end, a task would have to end for each event.
        assert tasks_ended(query) <= 2 + sent_events // 2, "records wait for the end of their task"
        time.sleep(0.4 if sent_events > 10 else 0.0)
    wait_until(lambda: sum(read_applied(client, keyspace.APPLIED_ONLINE).values()) == sent_events, query)
    # Redis has the exact values: nothing is rounded on the way.
    sent = like("bob", "x", 3.3)
    send(settings.kafka_bootstrap_servers, topics.INTERACTIONS.name, [sent, like("bob", 'ü "\\ ☃')])
    wait_until(lambda: known_items(client, "bob") == {"x", 'ü "\\ ☃'}, query)
    raw = client.hget(keyspace.history("bob", 1), "x")
    entry = decode_history(raw)[0]  # type: ignore[arg-type]
    event = Interaction.model_validate_json(sent[1])
    assert (entry.value, entry.event_id, entry.event_time) == (3.3, str(event.event_id), event.event_time)
    # An event of another system is read beside ours.
    track = {"type": "track", "event": "Product Viewed", "userId": "eve", "properties": {"sku": "s"}}
    track["timestamp"] = "2026-05-01T10:00:00Z"
    send(settings.kafka_bootstrap_servers, topics.INTERACTIONS.name, [(b"eve", json.dumps(track).encode())])
    wait_until(lambda: known_items(client, "eve") == {"s"}, query)
    # Avro in a registry's framing is read as well, at once.
    in_avro = in_frame(1, avro(OURS, {**EVENT, "event_time": moment(1_777_629_600_000)}))
    send(settings.kafka_bootstrap_servers, topics.INTERACTIONS.name, [(b"7", in_avro)])
    wait_until(lambda: known_items(client, "7") == {"i"}, query)
    times = read_applied(client, keyspace.APPLIED_TIMES)
    assert all(abs(moment - 1000 * time.time()) < 600_000 for moment in times.values())


@pytest.mark.parametrize("lost", ["some", "all"])
def test_a_redis_that_went_back_ends_the_query_before_it_stores_offsets(
    query: StreamingQuery, client: redis.Redis, settings: StreamingSettings, lost: str
) -> None:
    bootstrap, topic = settings.kafka_bootstrap_servers, topics.INTERACTIONS.name
    send(bootstrap, topic, [like("ann", f"i{n}") for n in range(5)])
    # The offsets move last, after the history is there.
    wait_until(lambda: 5 in read_applied(client, keyspace.APPLIED_ONLINE).values(), query)
    source, offset = next((s, n) for s, n in read_applied(client, keyspace.APPLIED_ONLINE).items() if n)
    assert len(known_items(client, "ann")) == 5
    if lost == "all":
        client.flushall()
    else:
        write_applied(client, keyspace.APPLIED_ONLINE, {source: offset - 1})
    send(bootstrap, topic, [like("ann", "later")])
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while query.isActive:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    says = None if lost == "all" else offset - 1
    assert f"{StateWentBackError.__name__}: {source} was applied to {offset}, Redis says {says}" in str(
        query.exception()
    )
    assert read_applied(client, keyspace.APPLIED_ONLINE).get(source) == says
