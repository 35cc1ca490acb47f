"""Recomputes the state in Redis from the lake, and from the topics' part that the lake has not got yet."""

from __future__ import annotations

import json
from typing import NamedTuple

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from clients.topic_admin import end_offsets
from contracts import lake, topics
from contracts.lake import Table
from contracts.settings import StreamingSettings
from streaming import redis_sink
from streaming.online_sink import apply_batch, apply_lake
from streaming.parse import parse
from streaming.source import read_topics_from
from streaming.state_gate import rebuilding

_EARLIEST = -2  # Spark's number for a partition's beginning


class Rebuilt(NamedTuple):
    """Digests of the state before and after; equal when nothing was wrong and nothing new arrived."""

    before: str
    after: str


def rebuild(spark: SparkSession, settings: StreamingSettings) -> Rebuilt:
    """Delete the state and write it again, while the online query waits.

    Raises RuntimeError where another rebuild is at work, BrokerUnavailableError where Kafka does not answer.
    """
    client = redis_sink.connect(settings.redis_url.get_secret_value())
    with rebuilding(client):
        interactions, entries = (
            _read(spark, settings, lake.INTERACTIONS),
            _read(spark, settings, lake.CATALOG),
        )
        tail = _beyond_lake(spark, settings, interactions, entries)
        before = redis_sink.state_digest(client, settings.redis_shards)
        redis_sink.clear_state(client, settings.redis_shards)
        apply_lake(interactions, entries, settings)
        apply_batch(parse(tail), settings)
        return Rebuilt(before, redis_sink.state_digest(client, settings.redis_shards))


def _read(spark: SparkSession, settings: StreamingSettings, table: Table) -> DataFrame:
    return spark.read.format("delta").load(table.path(settings.lake_uri))


def _beyond_lake(
    spark: SparkSession, settings: StreamingSettings, interactions: DataFrame, entries: DataFrame
) -> DataFrame:
    """The records of both topics that come after the last one of the lake, partition by partition."""
    starts = {}
    for topic, rows in ((topics.INTERACTIONS.name, interactions), (topics.CATALOG.name, entries)):
        newest = rows.groupBy("kafka_partition").agg(F.max("kafka_offset").alias("offset")).collect()
        reached = {row["kafka_partition"]: row["offset"] + 1 for row in newest}
        partitions = end_offsets(settings.kafka_bootstrap_servers, topic)
        starts[topic] = {str(p): reached.get(p, _EARLIEST) for p in partitions}
    return read_topics_from(spark, settings, json.dumps(starts))
