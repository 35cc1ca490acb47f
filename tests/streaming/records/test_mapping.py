"""One corpus of other systems' events through Spark and through Python: the same events, the same reasons."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from contracts import topics
from contracts.events import Interaction
from streaming.records.mapped_json import mapped_record
from streaming.records.mapping import map_records
from streaming.records.mapping_file import MappingFile, read_mapping
from streaming.records.parse import BEFORE_ANY_LOG, IN_A_FRAME, accepted_interactions, parse, rejected_records
from tests.streaming.records.test_parse import BASE, NOW_MS, records

MAPPING = {
    "formats": [
        {"like": "cloudevents", "types": {"com.shop.viewed": "view", "com.shop.rated": "rating"}},
        {"like": "debezium", "constants": {"event_type": "rating"}},
        {"like": "debezium-with-schema", "constants": {"event_type": "purchase"}},
        {"like": "debezium-delete"},
        {"like": "segment"},
        {"like": "snowplow", "types": {"put": "like"}},
        {
            "name": "shop's own",
            "when": {"/kind": ["seen", "bought", "5"], "/v": "*"},
            "fields": {
                "user_id": "/who/id",
                "item_id": ["/lines/0/sku", "/art~1icle", "/a b"],
                "event_type": "/kind",
                "event_time": "/at",
            },
            "types": {"seen": "view", "bought": "purchase", "5": "like"},
            "time_unit": "s",
        },
    ]
}
SECONDS = NOW_MS // 1000 - 10
SHOP = {"kind": "seen", "v": 1, "who": {"id": 7.0}, "lines": [{"sku": "s"}], "at": SECONDS}
CLOUD = {
    "specversion": "1.0",
    "id": "A-1",
    "source": "/shop",
    "type": "com.shop.viewed",
    "time": "2026-05-01T10:00:00Z",
    "data": {"user_id": "ann", "item_id": "i"},
}
RATED = {"user_id": "ann", "item_id": "i", "rating": 5}
SEGMENT = {
    "type": "track",
    "event": "Product Viewed",
    "messageId": "0189D7C0-1111-4222-8333-444455556666",
    "userId": None,
    "anonymousId": "a-1",
    "properties": {"product_id": 17, "rating": 4.5},
    "timestamp": "2026-05-01T10:00:00.123+0200",
}
DEBEZIUM = {
    "op": "c",
    "before": None,
    "after": {"user_id": 5, "item_id": "i", "rating": "4.5"},
    "source": {"ts_ms": NOW_MS - 5},
    "ts_ms": NOW_MS,
}
SNOWPLOW = {
    "event_id": "0189d7c0-1111-4222-8333-444455556667",
    "event": "struct",
    "se_action": "put",
    "se_property": "sku-1",
    "domain_userid": "d-1",
    "collector_tstamp": "2026-05-01 10:00:00.5",
}
# What is expected: our event's fields, or a reason.
CASES: list[tuple[Any, dict[str, Any] | str]] = [
    (CLOUD, {"event_type": "view", "user_id": "ann", "item_id": "i", "event_time": 1_777_629_600_000}),
    ({**CLOUD, "type": "com.shop.rated", "data": RATED}, {"value": 5.0}),
    (
        {**CLOUD, "type": "com.shop.gone"},
        "event_type is not among the types of the mapping cloudevents: com.shop.gone",
    ),
    ({**CLOUD, "data": {"user_id": "ann"}}, "item_id is missing"),
    ({**CLOUD, "data": {"user_id": ["ann"], "item_id": "i"}}, "user_id is no text and no whole number"),
    ({**CLOUD, "data": {"user_id": "ann", "item_id": 7.5}}, "item_id is no text and no whole number"),
    ({**CLOUD, "data": {"user_id": 2**53 + 0.0, "item_id": 1}}, "user_id is no text and no whole number"),
    ({**CLOUD, "data": {"user_id": True, "item_id": 1}}, "user_id is no text and no whole number"),
    ({**CLOUD, "time": "yesterday"}, "event_time is no moment"),
    ({**CLOUD, "time": "2026-02-30T10:00:00Z"}, "event_time is no moment"),
    ({**CLOUD, "time": "2026-05-01T10:00:00Z\n"}, "event_time is no moment"),
    ({**CLOUD, "time": "2099-05-01T10:00:00Z"}, "event_time lies in the future"),
    ({**CLOUD, "id": {}}, "event_id is no text and no whole number"),
    ({**CLOUD, "time": SECONDS}, {"event_time": SECONDS * 1000}),
    ({**CLOUD, "time": str(SECONDS * 1_000_000 + 1)}, {"event_time": SECONDS * 1000}),
    ({**CLOUD, "time": SECONDS * 1_000_000_000 + 5_000_000}, {"event_time": SECONDS * 1000 + 5}),
    (DEBEZIUM, {"event_type": "rating", "user_id": "5", "value": 4.5, "event_time": NOW_MS - 5}),
    ({**DEBEZIUM, "after": {"user_id": 5, "item_id": "i", "rating": "good"}}, "value is no number"),
    (
        {**DEBEZIUM, "after": {"user_id": 5, "item_id": "i", "rating": 9}},
        "value of a rating must lie in 0.5-5",
    ),
    ({**DEBEZIUM, "after": {"user_id": 5, "item_id": "i"}}, "a rating needs a value"),
    ({"payload": DEBEZIUM, "schema": {}}, {"event_type": "purchase", "user_id": "5", "value": 1.0}),
    (
        {**DEBEZIUM, "op": "d", "before": DEBEZIUM["after"], "after": None},
        {"event_type": "retract", "user_id": "5", "value": 1.0},
    ),
    (
        SEGMENT,
        {
            "event_type": "view",
            "user_id": "a-1",
            "item_id": "17",
            "event_time": 1_777_622_400_123,
            "event_id": "0189d7c0-1111-4222-8333-444455556666",
        },
    ),
    ({**SEGMENT, "event": "Product Reviewed"}, {"event_type": "rating", "value": 4.5}),
    ({**SEGMENT, "type": "identify"}, "user_id is missing"),
    (SNOWPLOW, {"event_type": "like", "user_id": "d-1", "item_id": "sku-1", "event_time": 1_777_629_600_500}),
    (SHOP, {"event_type": "view", "user_id": "7", "item_id": "s", "event_time": SECONDS * 1000}),
    ({**SHOP, "at": SECONDS + 0.25}, {"event_time": SECONDS * 1000 + 250}),
    ({**SHOP, "at": 1e300}, "event_time is no moment"),
    (
        {**SHOP, "at": 20.0},
        BEFORE_ANY_LOG,
    ),
    ({**SHOP, "kind": 5, "lines": [], "art/icle": " x "}, {"event_type": "like", "item_id": "x"}),
    ({**SHOP, "lines": None, "a b": "y"}, {"item_id": "y"}),
    ({**SHOP, "v": None}, "user_id is missing"),
    (BASE, {"event_type": "rating", "user_id": "u", "value": 4.5}),
]
BYTES = [
    (b"\x00\x00\x00\x00\x07" + json.dumps(SHOP).encode(), {"user_id": "7"}),
    (b"\x00\x00\x00\x00\x07" + json.dumps(BASE).encode(), {"user_id": "u"}),
    (b"\x00\x00\x00\x00\x07\x06ann\x02i", IN_A_FRAME),
    (b'{"kind": "seen", "kind": "bought", "v": 1}', "user_id is missing"),
    (b"{", "malformed JSON or a field of the wrong type"),
    (b"\xff", "not UTF-8 text"),
]
ALL = [(json.dumps(record).encode(), expected) for record, expected in CASES] + BYTES


@pytest.fixture(scope="module")
def mapping(tmp_path_factory: pytest.TempPathFactory) -> MappingFile:
    path = tmp_path_factory.mktemp("mapping") / "mapping.json"
    path.write_text(json.dumps(MAPPING))
    return read_mapping(str(path))


# Reasons that come after the mapping, from the parser that reads our own events.
PARSER_REASONS = {
    "item_id is missing",
    "user_id is missing",
    "event_time lies in the future",
    "value of a rating must lie in 0.5-5",
    "a rating needs a value",
    "malformed JSON or a field of the wrong type",
    "not UTF-8 text",
    BEFORE_ANY_LOG,
    IN_A_FRAME,
}


def test_python_reads_each_record_as_expected(mapping: MappingFile) -> None:
    for value, expected in ALL:
        event, fault = mapped_record(value, mapping)
        if isinstance(expected, str):
            assert fault == expected or (fault is None and expected in PARSER_REASONS), value
        else:
            assert fault is None, value
            read = Interaction.model_validate(
                json.loads(value.lstrip(b"\x00\x07")) if event is None else event
            )
            assert {name: getattr(read, name) for name in expected} == expected, value


@pytest.fixture(scope="module")
def parsed_rows(spark: SparkSession, mapping: MappingFile) -> DataFrame:
    frame = records(spark, [value for value, _ in ALL], topics.INTERACTIONS.name)
    return parse(map_records(frame, mapping.formats)).persist()


def test_spark_reads_each_record_like_python_and_as_expected(
    parsed_rows: DataFrame, mapping: MappingFile
) -> None:
    rows = {row.kafka_offset: row for row in accepted_interactions(parsed_rows).collect()}
    reasons = {row.offset: row.reason for row in rejected_records(parsed_rows).collect()}
    for n, (value, expected) in enumerate(ALL):
        if isinstance(expected, str):
            assert reasons.get(n) == expected, value
            continue
        assert n in rows, (value, reasons.get(n))
        found = rows[n].asDict()
        found["event_time"] = round(found["event_time"].timestamp() * 1000)
        assert {name: found[name] for name in expected} == expected, value
        event, _ = mapped_record(value, mapping)
        if event is not None:
            read = Interaction.model_validate(event)
            same = {name: getattr(read, name) for name in event}
            assert {name: found[name] for name in event} == same, value


def test_a_rejected_record_keeps_its_original_bytes(parsed_rows: DataFrame) -> None:
    rows = rejected_records(parsed_rows).collect()
    assert {row.offset for row in rows} >= {
        n for n, (_, expected) in enumerate(ALL) if isinstance(expected, str)
    }
    for row in rows:
        assert bytes(row.value) == ALL[row.offset][0]


NUMBERS = (0, -1, 7, 7.0, 7.5, 1e5, -0.0, 2**53, 2.0**53, 2**63 - 1, 2**63, 10**30, 1e-7, 0.1)
WORDS = ("", " x ", "7.0", "4.5", "4,5", "1e2", "seen", "bought", "view", "rating", "x" * 129, "\u0000", "é")
TIMES = (SECONDS, SECONDS * 1000, SECONDS * 10**6, SECONDS * 10**9, str(SECONDS), "2026-05-01")
MOMENTS = (
    "2026-05-01T10:00:00Z",
    "2026-05-01 10:00:00.999999",
    "2026-05-01T24:00:00Z",
    "2026-05-01T10:00:00+14:59",
)
CELLS: tuple[Any, ...] = (None, True, False, *NUMBERS, *WORDS, *TIMES, [], {}, [1], "5", *MOMENTS)


def test_spark_and_python_read_any_value_in_any_field_in_the_same_way(
    spark: SparkSession, mapping: MappingFile
) -> None:
    chosen = random.Random(7)
    values: list[bytes | None] = []
    for _ in range(600):
        record: Any = json.loads(json.dumps(chosen.choice((CLOUD, SEGMENT, DEBEZIUM, SNOWPLOW, SHOP))))
        for _ in range(chosen.randint(1, 2)):
            place = chosen.choice(
                [part for part in (record, *record.values()) if isinstance(part, dict) and part]
            )
            place[chosen.choice(list(place))] = chosen.choice(CELLS)
        values.append(json.dumps(record).encode())
    rows = map_records(records(spark, values, topics.INTERACTIONS.name), mapping.formats).collect()
    for value, row in zip(values, sorted(rows, key=lambda row: row.offset), strict=True):
        assert value is not None
        event, fault = mapped_record(value, mapping)
        assert row.mapping_fault == fault, value
        if fault is None:
            assert json.loads(bytes(row.value)) == (json.loads(value) if event is None else event), value
