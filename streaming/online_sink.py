"""Applies a parsed micro-batch to Redis on the executors, in Arrow batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import pyarrow as pa
from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F  # noqa: N812

from contracts import topics
from contracts.records import HistoryEntry
from contracts.settings import StreamingSettings
from streaming import redis_sink
from streaming.parse import event_columns
from streaming.redis_sink import CatalogRecord, UserEvent

_EVENT_FIELDS = ("user_id", "item_id", "event_type", "event_id", "value")
_ENTRY_FIELDS = ("kind", "id", "updated_at")
# What a partition reports back: an item it touched, or how far it came in a Kafka partition.
_REPORT_DDL = "item_id STRING, source STRING, next_offset BIGINT"
_REPORT = pa.schema([("item_id", pa.string()), ("source", pa.string()), ("next_offset", pa.int64())])


class RedisTarget(NamedTuple):
    """What an executor needs to reach the state."""

    url: str
    shards: int

    @classmethod
    def of(cls, settings: StreamingSettings) -> RedisTarget:
        """The target that the settings name."""
        return cls(settings.redis_url.get_secret_value(), settings.redis_shards)


def apply_batch(parsed: DataFrame, settings: StreamingSettings) -> dict[str, int]:
    """Apply parsed records (``parse``'s columns) to the state; returns next offset per "topic:partition"."""
    return apply_rows(_batch_rows(parsed), settings)


def apply_lake(interactions: DataFrame, entries: DataFrame, settings: StreamingSettings) -> dict[str, int]:
    """Apply rows of the lake's tables; returns next offset per "topic:partition"."""
    return apply_rows(_interaction_rows(interactions).unionByName(_entry_rows(entries)), settings)


def _batch_rows(parsed: DataFrame) -> DataFrame:
    return parsed.select(
        F.concat_ws(":", "topic", "partition").alias("source"),
        (F.col("offset") + 1).alias("next_offset"),
        F.when(F.col("reason").isNull(), F.col("topic")).alias("accepted"),
        *(event_columns()[name].alias(name) for name in (*_EVENT_FIELDS, "event_time")),
        *(F.col(f"entry.{name}").alias(name) for name in _ENTRY_FIELDS),
        F.when(F.col("entry").isNotNull(), _entry_json("entry.")).alias("json"),
    )


def _interaction_rows(interactions: DataFrame) -> DataFrame:
    return interactions.select(
        *_origin(topics.INTERACTIONS.name),
        *_EVENT_FIELDS,
        F.unix_millis("event_time").alias("event_time"),
        *(F.lit(None).cast("string").alias(name) for name in ("kind", "id")),
        F.lit(None).cast("bigint").alias("updated_at"),
        F.lit(None).cast("string").alias("json"),
    )


def _entry_rows(entries: DataFrame) -> DataFrame:
    return entries.select(
        *_origin(topics.CATALOG.name),
        *(F.lit(None).cast("string").alias(name) for name in _EVENT_FIELDS if name != "value"),
        F.lit(None).cast("double").alias("value"),
        F.lit(None).cast("bigint").alias("event_time"),
        *_ENTRY_FIELDS,
        _entry_json("").alias("json"),
    )


def _origin(topic: str) -> list[Column]:
    return [
        F.concat_ws(":", F.lit(topic), "kafka_partition").alias("source"),
        (F.col("kafka_offset") + 1).alias("next_offset"),
        F.lit(topic).alias("accepted"),
    ]


def _entry_json(prefix: str) -> Column:
    """The entry's JSON from its columns, so that the topic and the lake give the same bytes."""
    fields = ("kind", "id", "title", "categories", "attributes", "updated_at")
    return F.to_json(F.struct(*(F.col(prefix + name).alias(name) for name in fields)))


def apply_rows(rows: DataFrame, settings: StreamingSettings) -> dict[str, int]:
    """Apply rows with the columns of ``apply_batch``'s selection, then merge what they touched."""
    target = RedisTarget.of(settings)
    # Not made distinct by Spark: a shuffle would cost a small batch more than the repeated ids do.
    report = rows.mapInArrow(_partition_applier(target), _REPORT_DDL).collect()
    client = redis_sink.connect(target.url)
    touched = (row.item_id for row in report if row.item_id is not None)
    redis_sink.merge_popularity(client, touched, target.shards, settings.event_weights)
    return _furthest(report)


def _furthest(report: Iterable[Row]) -> dict[str, int]:
    offsets: dict[str, int] = {}
    for row in report:
        if row.source is not None:
            offsets[row.source] = max(row.next_offset, offsets.get(row.source, 0))
    return offsets


def _partition_applier(
    target: RedisTarget,
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def apply(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield _apply_arrow(batch.to_pydict(), target)

    return apply


def _apply_arrow(columns: dict[str, list[Any]], target: RedisTarget) -> pa.RecordBatch:
    client = redis_sink.connect(target.url)
    events, entries = list(_events(columns)), list(_entries(columns))
    redis_sink.apply_events(client, events, target.shards)
    redis_sink.apply_catalog(client, entries)
    items = list({event.item_id for event in events})
    offsets: dict[str, int] = {}
    for source, offset in zip(columns["source"], columns["next_offset"], strict=True):
        offsets[source] = max(offset, offsets.get(source, 0))
    return pa.RecordBatch.from_arrays(
        [
            pa.array(items + [None] * len(offsets), pa.string()),
            pa.array([None] * len(items) + list(offsets), pa.string()),
            pa.array([None] * len(items) + list(offsets.values()), pa.int64()),
        ],
        schema=_REPORT,
    )


def _events(columns: dict[str, list[Any]]) -> Iterator[UserEvent]:
    names = ("accepted", "user_id", "item_id", "event_type", "event_time", "event_id", "value")
    for topic, user, item, kind, moment, event_id, value in zip(*(columns[n] for n in names), strict=True):
        if topic == topics.INTERACTIONS.name:
            yield UserEvent(user, item, HistoryEntry(kind, moment, event_id, value))


def _entries(columns: dict[str, list[Any]]) -> Iterator[CatalogRecord]:
    names = ("accepted", "kind", "id", "updated_at", "json")
    for topic, kind, entry_id, updated_at, text in zip(*(columns[n] for n in names), strict=True):
        if topic == topics.CATALOG.name:
            yield CatalogRecord(kind, entry_id, updated_at, text)
