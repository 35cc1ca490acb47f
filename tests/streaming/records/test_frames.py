"""Records as a registry's client writes them: encoded by fastavro, read by Spark."""

from __future__ import annotations

import io
import json
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import fastavro
from pyspark.sql import SparkSession

from contracts import topics
from streaming.records.frames import unframe
from streaming.records.mapping import map_records
from streaming.records.mapping_file import EventFormat
from streaming.records.parse import accepted_interactions, parse, rejected_records
from streaming.records.schema_registry import Schema
from tests.streaming.records.test_parse import BASE, EVENT_ID, NOW_MS, records

OURS: dict[str, Any] = {
    "type": "record",
    "name": "Interaction",
    "fields": [
        {"name": "event_id", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "event_type", "type": {"type": "enum", "name": "T", "symbols": ["view", "rating"]}},
        {"name": "user_id", "type": "long"},
        {"name": "item_id", "type": "string"},
        {"name": "value", "type": ["null", "double"], "default": None},
        {"name": "event_time", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    ],
}
SHOP: dict[str, Any] = {
    "type": "record",
    "name": "Bought",
    "namespace": "shop",
    "fields": [
        {"name": "kind", "type": "string"},
        {
            "name": "who",
            "type": {"type": "record", "name": "Who", "fields": [{"name": "id", "type": ["null", "string"]}]},
        },
        {"name": "lines", "type": {"type": "array", "items": {"type": "map", "values": "string"}}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {
            "name": "stars",
            "type": {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2},
        },
    ],
}
FORM = EventFormat(
    name="shop",
    when={"/kind": ("bought",)},
    fields={
        "user_id": ("/who/id",),
        "item_id": ("/lines/0/sku",),
        "event_time": ("/at",),
        "value": ("/stars",),
    },
    constants={"event_type": "rating"},
)
SCHEMAS = {
    1: Schema(1, "AVRO", json.dumps(OURS)),
    2**31 - 1: Schema(2**31 - 1, "AVRO", json.dumps(SHOP)),
    3: Schema(3, "JSON", "{}"),
    4: Schema(4, "PROTOBUF", 'syntax = "proto3";'),
    5: Schema(5, "AVRO", json.dumps(OURS), refers_to_others=True),
    6: Schema(6, "AVRO", '"string"'),
}


def in_frame(number: int, body: bytes) -> bytes:
    return b"\x00" + number.to_bytes(4, "big") + body


def avro(schema: dict[str, Any], fields: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(schema), fields)
    return stream.getvalue()


def moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, timezone.utc)


EVENT = {**BASE, "user_id": 7, "event_time": moment(NOW_MS - 1000)}
BOUGHT = {
    "kind": "bought",
    "who": {"id": "ann"},
    "lines": [{"sku": "s-1"}],
    "at": moment(NOW_MS - 5),
    "stars": Decimal("4.50"),
}
READ: list[tuple[bytes, dict[str, Any]]] = [
    (
        in_frame(1, avro(OURS, EVENT)),
        {"user_id": "7", "value": 4.5, "event_id": EVENT_ID, "event_time": NOW_MS - 1000},
    ),
    (in_frame(1, avro(OURS, {**EVENT, "event_type": "view", "value": None})), {"event_type": "view"}),
    (
        in_frame(2**31 - 1, avro(SHOP, BOUGHT)),
        {"user_id": "ann", "item_id": "s-1", "event_type": "rating", "value": 4.5, "event_time": NOW_MS - 5},
    ),
    (in_frame(3, json.dumps(BASE).encode()), {"user_id": "u"}),
    (in_frame(99, json.dumps(BASE).encode()), {"user_id": "u"}),  # JSON needs no schema
    (json.dumps(BASE).encode(), {"user_id": "u"}),
]
REFUSED: list[tuple[bytes, str]] = [
    (in_frame(1, avro(OURS, {**EVENT, "item_id": ""})), "item_id is empty"),
    (in_frame(1, avro(OURS, EVENT)[:-3]), "the bytes do not fit schema 1"),
    (in_frame(1, b""), "the bytes do not fit schema 1"),
    (in_frame(1, b"\xff" * 9), "the bytes do not fit schema 1"),
    (in_frame(2**31 - 1, avro(SHOP, {**BOUGHT, "who": {"id": None}})), "user_id is missing"),
    (in_frame(4, b"\x0a\x01u"), "schema 4 is Protobuf, which is not read"),
    (in_frame(5, avro(OURS, EVENT)), "schema 5 refers to other schemas"),
    (in_frame(6, b"\x02u"), "schema 6 is no record of Avro"),
    (in_frame(99, avro(OURS, EVENT)), "written with schema 99 of a registry, which was not known"),
    (in_frame(3, b""), "the record is empty behind its frame of schema 3"),
    (b"\x00\x00", "written with schema"),
]


def test_framed_records_of_a_known_schema_are_events_and_all_others_have_a_reason(
    spark: SparkSession,
) -> None:
    values = [value for value, _ in READ] + [value for value, _ in REFUSED]
    frame = records(spark, values, topics.INTERACTIONS.name)
    parsed = parse(map_records(unframe(frame, SCHEMAS), [FORM])).persist()
    rows = {row.kafka_offset: row.asDict() for row in accepted_interactions(parsed).collect()}
    rejected = {row.offset: row for row in rejected_records(parsed).collect()}
    for n, (value, expected) in enumerate(READ):
        assert n in rows, (value, rejected.get(n))
        rows[n]["event_time"] = round(rows[n]["event_time"].timestamp() * 1000)
        assert {name: rows[n][name] for name in expected} == expected, value
    for n, (value, reason) in enumerate(REFUSED, start=len(READ)):
        assert n in rejected, (value, rows.get(n))
        assert rejected[n].reason.startswith(reason), value
        assert bytes(rejected[n].value) == value
