"""The lake query against Spark's own Kafka source -> Parquet file sink, on the same topic in one session.

Ours parses, validates, deduplicates batches by transaction, commits to Delta and reports; the peer parses
by the same schema and writes files, with Spark's defaults. Both take all that is there in batches of the
same size.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from statistics import median

from pydantic import SecretStr
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.streaming.readwriter import DataStreamWriter

from benchmarks.context import BenchContext, Ratio, alternating, median_ratio
from benchmarks.stream.producer import bench_events
from clients.event_producer import open_producer
from clients.topic_admin import create_topics
from contracts import topics
from contracts.settings import KafkaSettings, StreamingSettings
from contracts.stored import lake
from stack.machine.jars import jars_dir
from streaming.lake.batch import LakeBatch
from streaming.lake.sink import create_tables
from streaming.records.source import read_topics
from streaming.runtime.session import streaming_session

_EVENTS, _ROUNDS = 4_000_000, 3  # two batches
_MIN_EVENTS = 20_000


def run(context: BenchContext) -> list[Ratio]:
    """Events a second into the lake, ours and the file sink's."""
    events = max(_MIN_EVENTS, int(_EVENTS * context.scale))
    _fill(context, events)
    spark = streaming_session(_settings(context, "none"), partitions=0)
    ours, peer = alternating(
        [
            lambda: events / _seconds(lambda: _ours(spark, context)),
            lambda: events / _seconds(lambda: _file_sink(spark, context)),
        ],
        _ROUNDS,
    )
    spark.stop()
    ratio = median_ratio(ours, peer)
    note = "Spark's Kafka source, from_json, Parquet file sink"
    return [Ratio("lake query", median(ours), median(peer), ratio, "events/s", 0.7, note)]


def _fill(context: BenchContext, events: int) -> None:
    create_topics(context.bootstrap)
    producer = open_producer(
        KafkaSettings(kafka_bootstrap_servers=context.bootstrap, kafka_client="confluent")
    )
    for event in bench_events(events):
        producer.send(topics.INTERACTIONS.name, event.key, event.value, _must_arrive)
    producer.flush(120)
    producer.close()


def _must_arrive(_: object, error: Exception | None) -> None:
    if error is not None:
        raise error


def _settings(context: BenchContext, name: str) -> StreamingSettings:
    return StreamingSettings(
        kafka_bootstrap_servers=context.bootstrap,
        redis_url=SecretStr(context.redis_url),
        lake_uri=str(context.work_dir / name / "lake"),
        spark_jars_dir=str(jars_dir("spark")),
        spark_master="local[2]",
        spark_driver_memory="2g",
    )


def _ours(spark: SparkSession, context: BenchContext) -> DataStreamWriter:
    settings = _settings(context, uuid.uuid4().hex)
    create_tables(spark, settings.lake_uri)
    batch = LakeBatch(settings, query_id=lambda: uuid.uuid4().hex)
    return (
        read_topics(spark, settings, settings.lake_max_events_per_trigger)
        .writeStream.foreachBatch(batch.write)
        .option("checkpointLocation", f"{settings.lake_uri}-checkpoint")
    )


def _file_sink(spark: SparkSession, context: BenchContext) -> DataStreamWriter:
    settings = _settings(context, uuid.uuid4().hex)
    records = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", context.bootstrap)
        .option("subscribe", topics.INTERACTIONS.name)
        .option("startingOffsets", "earliest")
        .option("maxOffsetsPerTrigger", settings.lake_max_events_per_trigger)
        .load()
    )
    event = F.from_json(F.col("value").cast("string"), lake.EVENT_DDL).alias("event")
    rows = records.select(event, "partition", "offset", "timestamp").select(
        "event.*", "partition", "offset", "timestamp"
    )
    return (
        rows.writeStream.format("parquet")
        .option("path", f"{settings.lake_uri}/files")
        .option("checkpointLocation", f"{settings.lake_uri}-checkpoint")
    )


def _seconds(prepared: Callable[[], DataStreamWriter]) -> float:
    writer = prepared().trigger(availableNow=True)
    started = time.monotonic()
    writer.start().awaitTermination()
    return time.monotonic() - started
