"""The Kafka source of both queries."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from pyspark.sql import DataFrame, SparkSession

from clients.kafka_options import for_spark
from contracts import topics
from contracts.settings import StreamingSettings
from contracts.topics import by_topic
from streaming.records.frames import unframe
from streaming.records.known_schemas import known_schemas
from streaming.records.mapping import map_records
from streaming.records.mapping_file import read_mapping
from streaming.records.schema_book import schema_book

EARLIEST = -2  # Spark's number for a partition's beginning


def _options(settings: StreamingSettings) -> dict[str, str]:
    return {
        **for_spark(settings),
        # If Kafka has deleted offsets that are not read yet, the query ends, and an operator decides.
        "failOnDataLoss": "true",
        # After each poll Spark asks the broker twice where the partition begins and ends: with Kafka's 500
        # records a poll that takes a third of the time. What a poll holds is bounded in bytes as well.
        "kafka.max.poll.records": "5000",
    }


def read_topics(
    spark: SparkSession,
    settings: StreamingSettings,
    events_per_batch: int | None = None,
    starting_offsets: str = "earliest",
    patience_ms: int | None = None,
    names: Sequence[str] = topics.SOURCES,
    decoded: bool = True,
) -> DataFrame:
    """The records of these topics as a stream, in Kafka's own columns.

    A query whose checkpoint names no offsets yet begins at ``starting_offsets`` (Spark's JSON, or
    "earliest"). Where there are no records, the broker waits up to ``patience_ms`` for one before it answers
    (None: Kafka's half second). Events of other systems are read by what is known now, unless ``decoded`` is
    false: then each batch is to be given to `decode`.
    """
    subscribed = _options(settings) | {"subscribe": ",".join(names)}
    reader = spark.readStream.format("kafka").options(**subscribed)
    if events_per_batch is not None:
        reader = reader.option("maxOffsetsPerTrigger", events_per_batch)
    if patience_ms is not None:
        reader = reader.option("kafka.fetch.max.wait.ms", patience_ms)
    records = reader.option("startingOffsets", starting_offsets).load()
    return _as_ours(records, settings) if decoded else records


def read_partitions_between(
    spark: SparkSession,
    settings: StreamingSettings,
    starts: Mapping[str, int],
    ends: Mapping[str, int],
    decoded: bool = True,
) -> DataFrame:
    """The records of these partitions ("topic:partition") from their starts to before their ends.

    Events of other systems are read, unless ``decoded`` is false.
    """
    starting_offsets, ending_offsets = by_topic(starts), by_topic(ends)
    partitions = {topic: list(map(int, numbers)) for topic, numbers in starting_offsets.items()}
    records = (
        spark.read.format("kafka")
        .options(**_options(settings))
        .option("assign", json.dumps(partitions))
        .option("startingOffsets", json.dumps(starting_offsets))
        .option("endingOffsets", json.dumps(ending_offsets))
        .load()
    )
    return decode(records, settings) if decoded else records


def decode(batch: DataFrame, settings: StreamingSettings) -> DataFrame:
    """A batch of records with the events of other systems turned into ours. Its unknown schemas are asked
    for.

    Raises MappingError, SchemaRegistryError.
    """
    if settings.schema_registry_url:
        schema_book(batch.sparkSession, settings).decide(batch)
    return _as_ours(batch, settings)


def _as_ours(records: DataFrame, settings: StreamingSettings) -> DataFrame:
    """Turn events of other systems into ours, as EVENT_MAPPING_FILE or a schema registry says.

    Raises MappingError, SchemaRegistryError.
    """
    if settings.schema_registry_url:
        records = schema_book(records.sparkSession, settings).unframe(records)
    elif schemas := known_schemas(settings):
        records = unframe(records, schemas)
    formats = settings.event_mapping_file and read_mapping(settings.event_mapping_file).formats
    return map_records(records, formats) if formats else records


def read_rejected_topic(spark: SparkSession, settings: StreamingSettings) -> DataFrame:
    """The dead letters that Kafka keeps, with their headers."""
    return (
        spark.read.format("kafka")
        .options(**_options(settings))
        .option("subscribe", topics.REJECTED.name)
        .option("includeHeaders", "true")
        .load()
    )
