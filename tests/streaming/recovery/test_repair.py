from __future__ import annotations

import itertools
import json
import threading

import pytest
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient
from pyspark.sql import DataFrame, SparkSession

from clients.event_producer import open_producer
from clients.rejected_reader import read_rejected
from clients.topic_admin import end_offsets, topic_ends
from contracts import topics
from contracts.catalog import CatalogEntry
from contracts.settings import KafkaSettings, StreamingSettings
from contracts.stored import keyspace, lake
from contracts.stored.statuses import StreamingStatus
from contracts.topics import by_topic
from streaming.lake.sink import append, is_empty
from streaming.records.parse import accepted_interactions, parse
from streaming.records.source import read_partitions_between
from streaming.recovery import repair
from streaming.recovery.repair import RepairError
from streaming.state.applied_offsets import read_applied, write_applied
from streaming.state.client import connect
from streaming.state.keys import mark_written
from streaming.state.status import write_status
from tests.empty_lake import EmptyLake
from tests.streaming.recovery.test_faults import write_row

EVENTS, BAD = 40, 3


@pytest.fixture
def settings(
    spark: SparkSession,
    empty_lake: EmptyLake,
    service_settings: StreamingSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> StreamingSettings:
    """A topic with events and bad records, and the lake of a dead query, which misses a row in the middle."""
    monkeypatch.setattr(repair, "_HEARTBEAT_SECONDS", 0.2)
    made = service_settings
    empty_lake(made.lake_uri)
    send(made.kafka_bootstrap_servers)
    rows = accepted_interactions(parse(everything(spark, made)))
    first = rows.groupBy("kafka_partition").agg({"kafka_offset": "min"}).collect()[0]
    hole = (rows.kafka_partition == first[0]) & (rows.kafka_offset == first[1])
    append(rows.filter(~hole), lake.INTERACTIONS, made.lake_uri, "dead", 0)
    return made


BEGIN_MS = 1_700_000_000_000


def send(bootstrap: str, users: str = "u") -> None:
    producer = open_producer(KafkaSettings(kafka_bootstrap_servers=bootstrap))
    failures: list[object] = []
    for n in range(EVENTS + BAD):
        user, item = f"{users}{n}", f"i{n}"
        event = {"event_type": "like", "user_id": user, "item_id": item, "event_time": BEGIN_MS + n}
        # The bad ones first, so that each partition's newest record is a good one.
        value = b"{" if n < BAD else json.dumps(event).encode()
        producer.send(topics.INTERACTIONS.name, user.encode(), value, lambda _, error: failures.append(error))
    entry = CatalogEntry(kind="item", id="i1", updated_at=1)
    producer.send(topics.CATALOG.name, entry.key, entry.to_json(), lambda _, error: failures.append(error))
    assert producer.flush(30) == 0
    producer.close()
    assert set(failures) == {None}


def everything(spark: SparkSession, settings: StreamingSettings) -> DataFrame:
    ends = topic_ends(settings.kafka_bootstrap_servers)
    return read_partitions_between(spark, settings, dict.fromkeys(ends, 0), ends)


def places(spark: SparkSession, settings: StreamingSettings) -> list[tuple[int, int]]:
    rows = spark.read.format("delta").load(lake.INTERACTIONS.path(settings.lake_uri))
    return [(row[0], row[1]) for row in rows.select("kafka_partition", "kafka_offset").collect()]


def test_repaired_queries_continue_from_the_lake_and_complete_an_interrupted_batch(
    spark: SparkSession, settings: StreamingSettings
) -> None:
    bootstrap = settings.kafka_bootstrap_servers
    client = connect(settings.redis_url.get_secret_value())
    mark_written(client)
    write_applied(client, keyspace.APPLIED_ONLINE, {"interactions:1": 2})
    write_row(spark, settings, lake.ITEM_ACTIVITY, "dead")

    repaired = repair.repair(spark, settings)

    assert [fault.query for fault in repaired.faults] == ["lake", "item_activity"]
    assert repaired.filled == (1, BAD)
    assert len(places(spark, settings)) == len(set(places(spark, settings))) == EVENTS
    assert [event.value for event in read_rejected(bootstrap)] == [b"{"] * BAD
    assert is_empty(spark, lake.ITEM_ACTIVITY.path(settings.lake_uri))
    ends = {str(p): n for p, n in end_offsets(bootstrap, topics.INTERACTIONS.name).items()}
    begins = {"interactions": ends, "catalog": {"0": 0}, "exposures": {"0": 0}}
    assert by_topic(repaired.begins["lake"]) == begins
    assert repaired.to_dict()["begins"]["lake"] == begins
    # The online query continues from the offsets that Redis has.
    assert "online" not in repaired.begins
    assert read_applied(client, keyspace.APPLIED_ONLINE) == {"interactions:1": 2}
    assert not repaired.state_is_rebuilt
    assert json.loads(json.dumps(repaired.to_dict()))["filled"] == {"accepted": 1, "rejected": BAD}
    assert next(repaired.lines()).startswith("lake: the checkpoint is gone")
    again = repair.repair(spark, settings)
    assert (again.faults, list(again.lines())) == ([], ["every checkpoint is whole: nothing to repair"])


def test_a_repair_does_not_bring_back_the_events_of_an_erased_user(
    spark: SparkSession, settings: StreamingSettings
) -> None:
    tombstones = spark.range(EVENTS + BAD).selectExpr(
        "'erasure' AS kind",
        "concat('u', id) AS id",
        f"CAST({BEGIN_MS + EVENTS + BAD} AS BIGINT) AS updated_at",
        "0 AS kafka_partition",
        "CAST(0 AS BIGINT) AS kafka_offset",
    )
    append(tombstones, lake.CATALOG, settings.lake_uri, "erasing", 0)
    assert repair.repair(spark, settings).filled == (0, BAD)
    assert len(places(spark, settings)) == EVENTS - 1


def test_a_repair_over_records_that_kafka_has_deleted_needs_the_consent_of_the_operator(
    spark: SparkSession, settings: StreamingSettings
) -> None:
    spark.sql(f"DELETE FROM delta.`{lake.INTERACTIONS.path(settings.lake_uri)}` WHERE kafka_offset > 2")
    forget_before(settings.kafka_bootstrap_servers, 5)
    with pytest.raises(RepairError, match=r"left Kafka before the lake had them.*--accept-loss"):
        repair.repair(spark, settings)
    repaired = repair.repair(spark, settings, accept_loss=True)
    assert by_topic(repaired.begins["lake"])["interactions"] == dict.fromkeys("0123", 5)
    assert repair.repair(spark, settings).faults == []


def test_a_state_at_an_offset_that_kafka_has_deleted_is_rebuilt_at_the_next_start(
    spark: SparkSession, settings: StreamingSettings
) -> None:
    client = connect(settings.redis_url.get_secret_value())
    mark_written(client)
    write_applied(client, keyspace.APPLIED_ONLINE, {"interactions:1": 2})
    forget_before(settings.kafka_bootstrap_servers, 5)
    repaired = repair.repair(spark, settings, accept_loss=True)
    assert dict(repaired.faults)["online"].startswith(
        "(in Redis) stands at 2 of interactions:1, but Kafka keeps 5 to"
    )
    assert repaired.state_is_rebuilt
    assert not client.exists(keyspace.STATE_VERSION, keyspace.APPLIED_ONLINE)
    assert "online" not in dict(repair.repair(spark, settings).faults)


def forget_before(bootstrap: str, offset: int) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.delete_records({TopicPartition(topics.INTERACTIONS.name, p): offset for p in range(4)})
    admin.close()


def test_a_running_service_is_not_repaired(spark: SparkSession, settings: StreamingSettings) -> None:
    client = connect(settings.redis_url.get_secret_value())
    stopping = threading.Event()

    def beat() -> None:
        for n in itertools.count():
            write_status(client, StreamingStatus(heartbeat=n))
            if stopping.wait(0.02):
                return

    beating = threading.Thread(target=beat)
    beating.start()
    try:
        with pytest.raises(RepairError, match="streaming runs"):
            repair.repair(spark, settings)
    finally:
        stopping.set()
        beating.join()
