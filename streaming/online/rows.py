"""Applies parsed rows to Redis on the executors, in Arrow batches, and folds their users in."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from contracts import topics
from contracts.catalog import ERASURE
from contracts.settings import StreamingSettings
from contracts.stored.records import HistoryEntry
from streaming.fold_in.lists import fold_in_users, queue_users
from streaming.records.parse import event_columns, parse
from streaming.state.apply import CatalogRecord, UserEvent, apply_catalog, apply_events
from streaming.state.client import StateClient, connect
from streaming.state.erasure import Erasure, erase_users
from streaming.state.merged_lists import merge_items

_EVENT_FIELDS = ("user_id", "item_id", "event_type", "event_id", "value")
_ENTRY_FIELDS = ("kind", "id", "updated_at")
_COLUMNS = ("accepted", *_EVENT_FIELDS, "event_time", *_ENTRY_FIELDS, "json")
# What a task reports back: the items it touched, and how far it came in each Kafka partition.
_NUMBERS = ("first_offset", "next_offset", "through", "records")
_REPORT = pa.schema(
    [
        ("items", pa.list_(pa.string())),
        ("source", pa.string()),
        *((name, pa.int64()) for name in _NUMBERS),
    ]
)
_REPORT_DDL = ", ".join(["items ARRAY<STRING>", "source STRING", *(f"{name} BIGINT" for name in _NUMBERS)])


@dataclass
class Applied:
    """How far a batch came: per "topic:partition", its first offset and the next one."""

    first: dict[str, int] = field(default_factory=dict)
    next: dict[str, int] = field(default_factory=dict)
    through: int = 0  # the broker's time (ms) of the newest record
    records: int = 0

    def add(self, source: str, first_offset: int, next_offset: int, through: int, records: int) -> None:
        """Count in what one task, or one Arrow batch, has done of one partition."""
        self.first[source] = min(first_offset, self.first.get(source, first_offset))
        self.next[source] = max(next_offset, self.next.get(source, next_offset))
        self.through = max(through, self.through)
        self.records += records


def applied_records(records: DataFrame, settings: StreamingSettings, fold_in: bool) -> DataFrame:
    """A batch of limited size, applied to the state as it is read: what the tasks report."""
    few = records.coalesce(settings.online_tasks)
    return online_rows(few).mapInArrow(_task(settings, fold_in), _REPORT_DDL)


def apply_lake(interactions: DataFrame, entries: DataFrame, settings: StreamingSettings) -> Applied:
    """Apply rows of the lake's tables to the state."""
    rows = _interaction_rows(interactions).unionByName(_entry_rows(entries))
    return merged(rows.mapInArrow(_task(settings, fold_in=False), _REPORT_DDL), settings)


def merged(reports: DataFrame, settings: StreamingSettings) -> Applied:
    """Run the tasks, then merge the items that they touched over the shards. Returns how far they came."""
    items, applied = set[str](), Applied()
    for row in reports.collect():
        items.update(row.items or ())
        if row.source is not None:
            applied.add(row.source, row.first_offset, row.next_offset, row.through, row.records)
    merge_items(connect(settings.redis_url.get_secret_value()), items, settings)
    return applied


def online_rows(records: DataFrame) -> DataFrame:
    """What the state needs of each record of the topics: its place, and the event or entry if it is one."""
    return parse(records).select(
        F.concat_ws(":", "topic", "partition").alias("source"),
        "offset",
        F.unix_millis("timestamp").alias("through"),
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
        F.col("kafka_offset").alias("offset"),
        F.unix_millis("ingest_time").alias("through"),
        F.lit(topic).alias("accepted"),
    ]


def _entry_json(prefix: str) -> Column:
    """The entry's JSON from its columns, so that the topic and the lake give the same bytes."""
    fields = ("kind", "id", "title", "categories", "attributes", "updated_at")
    return F.to_json(F.struct(*(F.col(prefix + name).alias(name) for name in fields)))


def _task(
    settings: StreamingSettings, fold_in: bool
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def apply(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        client = connect(settings.redis_url.get_secret_value())
        applied, users, items = Applied(), ActiveUsers(), set[str]()
        for batch in batches:
            events, touched = apply_rows(client, batch.to_pydict(), settings)
            users.add(events)
            items |= touched
            _count(applied, batch)
        if fold_in and users.ids:
            fold_in_active(client, users, topics.interaction_offsets(applied.next), settings)
        yield _report(items, applied)

    return apply


def apply_rows(
    client: StateClient, columns: dict[str, list[Any]], settings: StreamingSettings
) -> tuple[list[UserEvent], set[str]]:
    """Apply rows of `online_rows` to the state. Returns the interactions, and the items touched."""
    events, entries = list(_events(columns)), list(_entries(columns))
    apply_events(client, events, settings)
    apply_catalog(client, entries)
    items = set(erase_users(client, list(_erasures(entries)), settings))
    items.update(event.item_id for event in events)
    items.update(entry.id for entry in entries if entry.kind == "item")
    return events, items


def as_columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Rows of `online_rows`, as JSON gives them (it leaves nulls out), as Arrow would give them."""
    return {name: [row.get(name) for row in rows] for name in _COLUMNS}


class ActiveUsers:
    """Who did something, in the order of their last interaction."""

    def __init__(self) -> None:
        self.ids: dict[str, None] = {}
        self.events = 0

    def add(self, events: Iterable[UserEvent]) -> None:
        """Count further interactions in."""
        for event in events:
            self.ids.pop(event.user_id, None)  # who is active again goes to the end
            self.ids[event.user_id] = None
            self.events += 1


def fold_in_active(
    client: StateClient,
    users: ActiveUsers,
    offsets: Mapping[int, int],
    settings: StreamingSettings,
) -> None:
    """Fold the users in within the budget; the rest waits, all of a replay's do.

    ``offsets`` (partition -> next offset) are those that the histories surely hold.
    """
    left = list(users.ids)
    if users.events <= settings.fold_in_max_events:
        deadline = time.monotonic() + settings.fold_in_budget_seconds
        # The most recently active first: who is last in the log.
        left = fold_in_users(client, left[::-1], offsets, settings, deadline)
    if left:
        queue_users(client, left, settings)


def _count(applied: Applied, batch: pa.RecordBatch) -> None:
    figures = [("offset", "min"), ("offset", "max"), ("through", "max"), ("offset", "count")]
    by_source = pa.Table.from_batches([batch]).group_by("source").aggregate(figures)
    for row in by_source.to_pylist():
        applied.add(
            row["source"],
            row["offset_min"],
            row["offset_max"] + 1,
            row["through_max"],
            row["offset_count"],
        )


def _report(items: Iterable[str], applied: Applied) -> pa.RecordBatch:
    rows: list[dict[str, Any]] = [{"items": list(items)}]
    for source, offset in applied.next.items():
        rows.append({"source": source, "first_offset": applied.first[source], "next_offset": offset})
        rows[-1] |= {"through": applied.through, "records": 0}
    rows[-1]["records"] = applied.records
    return pa.RecordBatch.from_pylist(rows, schema=_REPORT)


def _events(columns: dict[str, list[Any]]) -> Iterator[UserEvent]:
    names = ("accepted", "user_id", "item_id", "event_type", "event_time", "event_id", "value")
    for topic, user, item, kind, moment, event_id, value in zip(*(columns[n] for n in names), strict=True):
        if topic == topics.INTERACTIONS.name:
            yield UserEvent(user, item, HistoryEntry(kind, moment, event_id, value))


def _erasures(entries: Iterable[CatalogRecord]) -> Iterator[Erasure]:
    return (Erasure(entry.id, entry.updated_at) for entry in entries if entry.kind == ERASURE)


def _entries(columns: dict[str, list[Any]]) -> Iterator[CatalogRecord]:
    names = ("accepted", "kind", "id", "updated_at", "json")
    for topic, kind, entry_id, updated_at, text in zip(*(columns[n] for n in names), strict=True):
        if topic == topics.CATALOG.name:
            yield CatalogRecord(kind, entry_id, updated_at, text)
