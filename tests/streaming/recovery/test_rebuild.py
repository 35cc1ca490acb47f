"""Upgrades from the data that an older version left in Redis and in the lake."""

from __future__ import annotations

import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import pytest
import redis
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from clients.event_producer import open_producer
from clients.topic_admin import end_offsets
from contracts import topics
from contracts.events import Interaction
from contracts.settings import KafkaSettings, StreamingSettings
from contracts.stored import keyspace, lake
from contracts.stored.records import HistoryEntry, Popularity, encode_catalog, encode_entry
from streaming.lake.sink import append, create_tables
from streaming.records.parse import accepted_interactions, parse
from streaming.records.source import read_partitions_between
from streaming.recovery.rebuild import bounds_within, prepare_state
from streaming.state.applied_offsets import read_applied, write_applied
from streaming.state.apply import CatalogRecord
from streaming.state.client import connect
from streaming.state.keys import is_there
from tests.empty_lake import EmptyLake
from tests.faults.producer import Producer
from tests.faults.recount import assert_state

NEWEST_COLUMNS = ("session_id", "recommendation_id")


class Sent(NamedTuple):
    event: Interaction


@pytest.fixture
def settings(service_settings: StreamingSettings) -> StreamingSettings:
    return service_settings


@pytest.fixture
def sent_events(settings: StreamingSettings) -> list[Sent]:
    """Send events of few users and items, so that the same ones meet."""
    chance, failures = random.Random(3), list[object]()
    events = [
        Interaction(
            event_type=cast(Any, kind),
            user_id=f"u{chance.randrange(5)}",
            item_id=f"i{chance.randrange(8)}",
            value=chance.randrange(1, 11) / 2 if kind == "rating" else None,
            event_time=1_700_000_000_000 + chance.randrange(10**9),
        )
        for kind in chance.choices(("rating", "like", "dislike", "view"), k=60)
    ]
    producer = open_producer(KafkaSettings(kafka_bootstrap_servers=settings.kafka_bootstrap_servers))
    for event in events:
        key = event.user_id.encode()
        producer.send(topics.INTERACTIONS.name, key, event.to_json(), lambda _, error: failures.append(error))
    assert producer.flush(30) == 0
    producer.close()
    assert set(failures) == {None}
    return [Sent(event) for event in events]


def test_a_state_of_version_1_and_a_lake_without_the_newest_columns_are_brought_up_to_date(
    spark: SparkSession, settings: StreamingSettings, sent_events: list[Sent], tmp_path: Path
) -> None:
    rows = in_topic(spark, settings)
    old = lake.Table("interactions", old_ddl())
    spark.sql(f"CREATE TABLE delta.`{old.path(settings.lake_uri)}` ({old.ddl}) USING delta")
    append(rows.filter("kafka_partition < 2").drop(*NEWEST_COLUMNS), old, settings.lake_uri, "old", 0)
    client = connect(settings.redis_url.get_secret_value())
    ends = end_offsets(settings.kafka_bootstrap_servers, topics.INTERACTIONS.name)
    write_applied(client, keyspace.APPLIED_ONLINE, {f"interactions:{p}": n for p, n in ends.items()})
    gone = write_version_1(client)

    create_tables(spark, settings.lake_uri)
    append(rows.filter("kafka_partition = 2"), lake.INTERACTIONS, settings.lake_uri, "new", 0)
    prepare_state(spark, settings)

    assert is_there(client)
    assert_state(client, cast(Producer, SimpleNamespace(sent=sent_events)))
    left: Any = {key for key in gone if client.exists(key)}
    assert left == set()
    assert client.hget(keyspace.POPULARITY, "forgotten") is None
    assert client.zscore(keyspace.POPULAR, "forgotten") is None
    table = spark.read.format("delta").load(lake.INTERACTIONS.path(settings.lake_uri))
    assert set(table.columns) == set(rows.columns)


def in_topic(spark: SparkSession, settings: StreamingSettings) -> DataFrame:
    name = topics.INTERACTIONS.name
    ends = topics.by_partition({name: end_offsets(settings.kafka_bootstrap_servers, name)})
    records = read_partitions_between(spark, settings, dict.fromkeys(ends, 0), ends)
    return accepted_interactions(parse(records))


def old_ddl() -> str:
    columns = lake.INTERACTIONS.ddl.split(", ")
    return ", ".join(column for column in columns if column.split()[0] not in NEWEST_COLUMNS)


def write_version_1(client: redis.Redis) -> list[str]:
    """The keys as version 1 wrote them, with what the lake does not hold; returns those that must go.

    Version 1 kept histories, popularity and the catalogue, and no version.
    """
    # type code, time (ms), the event id's four words, millionths: as today, without retractions.
    entry = encode_entry(HistoryEntry("like", 5, "00000000-0000-4000-8000-000000000000", 1.0))
    ghost = keyspace.history("ghost", 1)
    client.hset(ghost, "forgotten", entry)
    client.hset(keyspace.history("u1", 1), "forgotten", entry)
    counters = Popularity(1, 0, (0, 0, 1, 0, 0, 0)).encode()
    for key in (keyspace.popularity_shard(0), keyspace.POPULARITY):
        client.hset(key, mapping={"forgotten": counters, "i1": counters})
    client.zadd(keyspace.POPULAR, {"forgotten": 9.0, "i1": 9.0})
    record = CatalogRecord("item", "forgotten", 1, '{"kind":"item","id":"forgotten","updated_at":1}')
    client.hset(keyspace.CATALOG_ITEMS, record.id, encode_catalog(record.updated_at, record.json))
    return [ghost, keyspace.CATALOG_ITEMS]


def test_offsets_of_an_earlier_topic_of_the_same_name_give_no_bound() -> None:
    present = {"interactions:0": 10, "interactions:1": 10}
    applied = {"interactions:0": 11, "interactions:1": 10}
    assert bounds_within(present, applied | {"gone:0": 1}) == {"interactions:1": 10}


@pytest.mark.parametrize("applied_before", ["nothing", "the old topic", "the new topic"])
def test_a_topic_that_was_created_again_is_read_completely_beside_the_lake_of_the_old_one(
    spark: SparkSession,
    empty_lake: EmptyLake,
    settings: StreamingSettings,
    sent_events: list[Sent],
    tmp_path: Path,
    applied_before: str,
) -> None:
    empty_lake(settings.lake_uri)
    # The lake ends beyond the topic, as if each partition had once had a thousand records more.
    before = in_topic(spark, settings).withColumn("kafka_offset", F.col("kafka_offset") + 1000)
    before = before.filter("user_id IN ('u0', 'u1')").withColumn(
        "user_id", F.concat(F.lit("old-"), "user_id")
    )
    append(before, lake.INTERACTIONS, settings.lake_uri, "old", 0)
    client = connect(settings.redis_url.get_secret_value())
    ends = end_offsets(settings.kafka_bootstrap_servers, topics.INTERACTIONS.name)
    if applied_before != "nothing":
        to = dict.fromkeys(ends, 1100) if applied_before == "the old topic" else ends
        write_applied(
            client, keyspace.APPLIED_ONLINE, {f"interactions:{p}": offset for p, offset in to.items()}
        )

    prepare_state(spark, settings)

    of_old = [
        Sent(each.event.model_copy(update={"user_id": f"old-{each.event.user_id}"}))
        for each in sent_events
        if each.event.user_id in ("u0", "u1")
    ]
    assert_state(client, cast(Producer, SimpleNamespace(sent=[*sent_events, *of_old])))
    applied = read_applied(client, keyspace.APPLIED_ONLINE)
    assert {p: applied[f"interactions:{p}"] for p in ends} == ends


def test_a_lake_ahead_of_the_online_query_is_read_up_to_the_applied_offsets(
    spark: SparkSession,
    empty_lake: EmptyLake,
    settings: StreamingSettings,
    sent_events: list[Sent],
    tmp_path: Path,
) -> None:
    empty_lake(settings.lake_uri)
    rows = in_topic(spark, settings)
    append(rows, lake.INTERACTIONS, settings.lake_uri, "new", 0)
    client = connect(settings.redis_url.get_secret_value())
    ends = end_offsets(settings.kafka_bootstrap_servers, topics.INTERACTIONS.name)
    bounds = {f"interactions:{p}": min(5, end) for p, end in ends.items()}
    write_applied(client, keyspace.APPLIED_ONLINE, bounds)

    prepare_state(spark, settings)

    ids = {row.event_id for row in rows.filter("kafka_offset < 5").select("event_id").collect()}
    applied = [each for each in sent_events if str(each.event.event_id) in ids]
    assert_state(client, cast(Producer, SimpleNamespace(sent=applied)))
    found = read_applied(client, keyspace.APPLIED_ONLINE)
    assert {source: found[source] for source in bounds} == bounds
