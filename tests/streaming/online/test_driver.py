"""The online query over its life: a backlog, live, behind again, and a Redis with an older state."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
import redis
from pyspark.sql import SparkSession

from clients import topic_reach
from clients.topic_admin import topic_ends
from contracts import topics
from contracts.settings import StreamingSettings
from contracts.stored import keyspace
from streaming.online.driver import Online
from streaming.online.touched_items import is_unmerged
from streaming.records.parse import accepted_interactions, parse_interactions
from streaming.records.source import read_partitions_between
from streaming.state.applied_offsets import read_applied, write_applied
from streaming.state.client import connect
from streaming.state.keys import mark_written
from streaming.state.patience import FULL
from streaming.state.status import read_status
from tests.clients.test_topic_reach import add_partitions
from tests.faults.processes import wait_until
from tests.integration.flow import send, send_in_transaction
from tests.streaming.online.test_live import known_items, like
from tests.streaming.records.test_frames import EVENT, OURS, avro, in_frame, moment
from tests.streaming.records.test_schema_registry import ANSWERS
from tests.streaming.records.test_schema_registry import registry as registry

_DEADLINE_SECONDS = 180


@pytest.fixture
def settings(service_settings: StreamingSettings) -> StreamingSettings:
    few = {"online_backlog_events": 50, "online_max_events_per_trigger": 60, "online_task_seconds": 5}
    return service_settings.model_copy(update=few)


@pytest.fixture
def client(settings: StreamingSettings) -> redis.Redis:
    client = connect(settings.redis_url.get_secret_value())
    mark_written(client)
    return client


@pytest.fixture
def online(spark: SparkSession, client: redis.Redis, settings: StreamingSettings) -> Iterator[Online]:
    made = Online(spark, settings)
    yield made
    made.stop()
    if made.is_alive():
        made.join(60)


def applied_through(online: Online, client: redis.Redis, count: int) -> None:
    def is_done() -> bool:
        assert online.is_alive(), online.error
        return sum(read_applied(client, keyspace.APPLIED_ONLINE).values()) >= count

    wait_until(is_done, f"{count} records are applied")


def test_the_query_works_off_a_backlog_and_goes_live_and_back_again_when_it_falls_behind(
    online: Online, client: redis.Redis, settings: StreamingSettings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "headwater.online")
    bootstrap, topic = settings.kafka_bootstrap_servers, topics.INTERACTIONS.name
    send(bootstrap, topic, [like(f"u{n % 7}", f"i{n}") for n in range(130)])
    online.start()
    applied_through(online, client, 130)
    wait_until(lambda: "live from" in caplog.text, "it is live")
    assert caplog.text.count("records applied, ") == 3  # the last one of 10 records
    assert not online.is_replaying
    send(bootstrap, topic, [like("u1", "last")])
    applied_through(online, client, 131)
    wait_until(lambda: not is_unmerged(client), "the lists are merged")
    assert client.zcard(keyspace.POPULAR) == 131
    before = 1000 * time.time()
    wait_until(
        lambda: (read_status(client).online_through or 0) > before,
        "online_through moves on while nothing comes",
    )

    # A rebuild holds the query up, so it falls behind.
    client.set(keyspace.STATE_REBUILDING, "rebuild", ex=600)
    send(bootstrap, topic, [like(f"u{n % 7}", f"j{n}") for n in range(200)])
    wait_until(lambda: online.is_replaying, "it has fallen behind")
    client.delete(keyspace.STATE_REBUILDING)
    applied_through(online, client, 331)
    wait_until(lambda: not is_unmerged(client), "the lists are merged")
    assert client.zcard(keyspace.POPULAR) == 331

    # Redis has an older state and no events come: the query applies the missing ones again.
    wait_until(lambda: caplog.text.count("live from") == 2, "it is live again")
    stands = read_applied(client, keyspace.APPLIED_ONLINE)
    before = {source: max(0, offset - 3) for source, offset in stands.items()}
    write_applied(client, keyspace.APPLIED_ONLINE, before)
    applied_through(online, client, 331)
    assert "Redis went back" in caplog.text


def test_without_a_slot_for_each_partition_records_are_applied_in_small_batches(
    online: Online,
    client: redis.Redis,
    settings: StreamingSettings,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("streaming.online.driver.task_slots", lambda _: 5)
    caplog.set_level("INFO", "headwater.online")
    online.start()
    for n in (1, 2):
        send(settings.kafka_bootstrap_servers, topics.INTERACTIONS.name, [like("u1", f"i{n}")])
        applied_through(online, client, n)
    assert "live from" not in caplog.text
    assert caplog.text.count("Give it more cores") == 1
    assert not online.is_replaying
    monkeypatch.setattr("streaming.online.driver.task_slots", lambda _: 6)
    wait_until(lambda: "live from" in caplog.text, "it is live")


def test_the_query_waits_for_a_full_redis_and_then_catches_up(
    online: Online, client: redis.Redis, settings: StreamingSettings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "headwater.online")
    online.start()
    wait_until(lambda: "live from" in caplog.text, "it is live")
    client.config_set("maxmemory", 1)
    try:
        send(
            settings.kafka_bootstrap_servers,
            topics.INTERACTIONS.name,
            [like("u1", f"i{n}") for n in range(9)],
        )
        wait_until(lambda: FULL in caplog.text, "the sentence is said")
        time.sleep(1.2)  # it tries each second
        assert online.is_alive()
    finally:
        client.config_set("maxmemory", 0)
    applied_through(online, client, 9)
    assert client.hlen(keyspace.history("u1", 1)) == 9
    assert caplog.text.count(FULL) == 1


def test_records_of_partitions_that_are_added_while_live_are_applied_soon(
    online: Online,
    client: redis.Redis,
    settings: StreamingSettings,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(topic_reach, "_PARTITIONS_SECONDS", 0.2)
    caplog.set_level("INFO", "headwater.online")
    online.start()
    wait_until(lambda: "live from" in caplog.text, "it is live")
    add_partitions(settings.kafka_bootstrap_servers, topics.INTERACTIONS.name, 6)
    send(settings.kafka_bootstrap_servers, topics.INTERACTIONS.name, [like(f"u{n}", "i") for n in range(40)])
    applied_through(online, client, 40)
    applied = read_applied(client, keyspace.APPLIED_ONLINE)
    assert applied["interactions:4"] + applied["interactions:5"] > 0
    wait_until(lambda: caplog.text.count("live from") >= 2, "it is live again")


def test_offsets_without_a_record_are_passed_over_and_do_no_harm(
    online: Online, client: redis.Redis, settings: StreamingSettings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "headwater.online")
    online.start()
    for n, pause in enumerate((0, 1, 6)):  # within a task's time, and over its turn
        time.sleep(pause)
        send_in_transaction(
            settings.kafka_bootstrap_servers, topics.INTERACTIONS.name, 2, *like("ann", f"i{n}")
        )
        wait_until(lambda n=n: client.hlen(keyspace.history("ann", 1)) == n + 1, "applied")  # type: ignore[misc]
    applied_through(online, client, 6)
    before = 1000 * time.time()
    wait_until(lambda: (read_status(client).online_through or 0) > before, "no lag is left")
    assert "went back" not in caplog.text
    assert caplog.text.count("live from") == 1


def test_the_error_that_ends_the_query_is_kept(
    spark: SparkSession, settings: StreamingSettings, client: redis.Redis
) -> None:
    online = Online(spark, settings.model_copy(update={"checkpoints_uri": "/proc/nowhere"}))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("threading.excepthook", lambda _: None)
        online.start()
        online.join(_DEADLINE_SECONDS)
    assert not online.is_alive()
    assert online.error is not None
    online.stop()


def test_a_schema_that_is_registered_while_the_query_is_live_is_used_from_then_on(
    spark: SparkSession,
    client: redis.Redis,
    settings: StreamingSettings,
    registry: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "headwater")
    versions = "/subjects/late/versions"
    asking = {"schema_registry_url": registry, "schema_registry_subjects": ("late",)}
    online = Online(spark, settings.model_copy(update=asking))
    bootstrap, topic = settings.kafka_bootstrap_servers, topics.INTERACTIONS.name
    fields = {**EVENT, "event_time": moment(1_777_629_600_000)}
    early, late = (in_frame(31, avro(OURS, {**fields, "item_id": item})) for item in ("early", "late"))
    online.start()
    try:
        wait_until(lambda: "live from" in caplog.text, "it is live")
        send(bootstrap, topic, [(b"7", early)])
        applied_through(online, client, 1)
        monkeypatch.setitem(ANSWERS, versions, [1])
        monkeypatch.setitem(ANSWERS, f"{versions}/1", {"id": 31, "schema": json.dumps(OURS)})
        send(bootstrap, topic, [(b"7", late)])
        applied_through(online, client, 2)
    finally:
        online.stop()
        online.join(60)
    assert known_items(client, "7") == {"late"}
    # The lake's query decides the same, although the registry has the schema by now.
    ends = topic_ends(settings)
    seen = read_partitions_between(spark, online._settings, dict.fromkeys(ends, 0), ends)
    assert [row["item_id"] for row in accepted_interactions(parse_interactions(seen)).collect()] == ["late"]
