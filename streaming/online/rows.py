"""Rows that hold what the state needs from each record of the topics or of the lake's tables.

On its way from Kafka to Redis, an event takes these forms: the record's bytes, a Spark row (these columns), a
`RecordRow` in the Python worker, a `UserEvent`, and the bytes of the history's entry.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from contracts import topics
from contracts.catalog import ERASURE
from contracts.stored.records import HistoryEntry
from streaming.records.frames import UNDECIDED
from streaming.records.mapping import FAULT
from streaming.records.parse import entry_columns, event_columns, parse
from streaming.state.apply import CatalogRecord, UserEvent
from streaming.state.erasure import Erasure

_EVENT_FIELDS = ("user_id", "item_id", "event_type", "event_id", "value")
_ENTRY_FIELDS = ("kind", "id", "updated_at")
_JSON_FIELDS = ("kind", "id", "title", "categories", "attributes", "updated_at")


class RecordRow(NamedTuple):
    """One record. The fields of an event are None for other records; so are those of a catalogue entry."""

    partition: str  # "topic:partition"
    offset: int
    through: int  # the broker's time (epoch ms)
    # The topic; None for a rejected record, which only moves the offset; UNDECIDED for one of a schema that a
    # registry has to be asked for.
    accepted: str | None
    user_id: str
    item_id: str
    event_type: str
    event_id: str
    value: float
    event_time: int
    kind: str
    id: str
    updated_at: int
    json: str  # of the catalogue entry


def rows_of_batch(batch: pa.RecordBatch) -> list[RecordRow]:
    """The rows of an Arrow batch of `online_rows` or of `lake_rows`."""
    return list(map(RecordRow._make, zip(*(column.to_pylist() for column in batch.columns), strict=True)))


def rows_of_json(texts: Iterable[str]) -> list[RecordRow]:
    """The rows of `online_rows`, each given as JSON, which leaves nulls out."""
    names = RecordRow._fields
    return [RecordRow._make(map(fields.get, names)) for fields in json.loads(f"[{','.join(texts)}]")]


def events_of(rows: Iterable[RecordRow]) -> list[UserEvent]:
    """The accepted interactions."""
    return [
        UserEvent(
            row.user_id, row.item_id, HistoryEntry(row.event_type, row.event_time, row.event_id, row.value)
        )
        for row in interactions_of(rows)
    ]


def interactions_of(rows: Iterable[RecordRow]) -> list[RecordRow]:
    """The rows of `events_of`, in the same order."""
    name = topics.INTERACTIONS.name
    return [row for row in rows if row.accepted == name]


def kept_rows(rows: Sequence[RecordRow], since_ms: int) -> Sequence[RecordRow]:
    """The rows without interactions from before the bound of EVENTS_KEEP_DAYS."""
    if not since_ms:
        return rows
    name = topics.INTERACTIONS.name
    return [row for row in rows if row.accepted != name or row.event_time >= since_ms]


def entries_of(rows: Iterable[RecordRow]) -> list[CatalogRecord]:
    """The accepted entries of the catalogue, erasures included."""
    name = topics.CATALOG.name
    return [CatalogRecord(row.kind, row.id, row.updated_at, row.json) for row in rows if row.accepted == name]


def erasures_of(entries: Iterable[CatalogRecord]) -> Iterator[Erasure]:
    """The users to forget among the entries."""
    return (Erasure(entry.id, entry.updated_at) for entry in entries if entry.kind == ERASURE)


def online_rows(records: DataFrame) -> DataFrame:
    """The columns of RecordRow, from the topics' records."""
    accepted = F.when(F.col("reason").isNull(), F.col("topic"))
    if FAULT in records.columns:
        accepted = accepted.when(F.startswith("reason", F.lit(UNDECIDED)), F.lit(UNDECIDED))
    return parse(records).select(
        _partition_name(F.col("topic"), "partition"),
        "offset",
        F.unix_millis("timestamp").alias("through"),
        accepted.alias("accepted"),
        *(event_columns()[name].alias(name) for name in (*_EVENT_FIELDS, "event_time")),
        *(entry_columns()[name].alias(name) for name in _ENTRY_FIELDS),
        F.when(F.col("entry").isNotNull(), _entry_json(entry_columns())).alias("json"),
    )


def lake_rows(interactions: DataFrame, entries: DataFrame) -> DataFrame:
    """The columns of RecordRow, from rows of the lake's tables."""
    return _interaction_rows(interactions).unionByName(_entry_rows(entries))


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
        _entry_json({name: F.col(name) for name in _JSON_FIELDS}).alias("json"),
    )


def _origin(topic: str) -> list[Column]:
    return [
        _partition_name(F.lit(topic), "kafka_partition"),
        F.col("kafka_offset").alias("offset"),
        F.unix_millis("ingest_time").alias("through"),
        F.lit(topic).alias("accepted"),
    ]


def _entry_json(columns: Mapping[str, Column]) -> Column:
    """The entry's JSON, built from columns so that the topic and the lake give the same bytes."""
    return F.to_json(F.struct(*(columns[name].alias(name) for name in _JSON_FIELDS)))


def _partition_name(topic: Column, number: str) -> Column:
    return F.concat_ws(topics.SEPARATOR, topic, number).alias("partition")
