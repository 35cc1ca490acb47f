"""One corpus through Spark and through pydantic: the API and the stream accept the same events."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest
from pydantic import ValidationError
from pyspark.sql import DataFrame, SparkSession

from contracts import topics
from contracts.events import Interaction, before_any_log, from_future
from contracts.moments import EARLIEST_PLAUSIBLE_MS
from contracts.stored import lake
from streaming.records.parse import (
    BEFORE_ANY_LOG,
    accepted_entries,
    accepted_interactions,
    parse,
    parse_interactions,
    rejected_records,
)

NOW_MS = 1_800_000_000_000
EVENT_ID = "0189d7c0-1111-4222-8333-444455556666"
BASE: dict[str, Any] = {
    "event_id": EVENT_ID,
    "event_type": "rating",
    "user_id": "u",
    "item_id": "i",
    "value": 4.5,
    "event_time": NOW_MS - 1000,
    "schema_version": 1,
}

ACCEPTED: list[dict[str, Any]] = [
    {},
    {"value": 0.5},
    {"value": 5},
    {"event_type": "view", "value": None},
    {"event_type": "view", "value": 1},
    {"event_type": "dislike", "value": 1.0},
    {"user_id": "x" * 128},
    {"user_id": "日本語 émoji 😀"},
    {"item_id": "a/b{c}*\"'\\ "},
    {"user_id": 5},
    {"event_id": EVENT_ID.upper()},
    {"event_id": ...},
    {"schema_version": ...},
    {"session_id": "s", "recommendation_id": "r"},
    {"session_id": None},
    {"event_time": 0, "time_from_zero": True},
    {"event_time": EARLIEST_PLAUSIBLE_MS, "time_from_zero": False},
    {"user_id": 7.0, "item_id": 1e5},
    {"user_id": "7.0", "item_id": "1e5"},
    {"user_id": 7.5, "item_id": -3.0},
    {"user_id": " 7 ", "item_id": "\t\u00a07\n"},
    {"user_id": "a b", "item_id": "007"},
    {"user_id": "NaN", "item_id": "-Infinity"},
    {"session_id": 7.0, "recommendation_id": " r "},
    {"recommendation_id": None},
    {"recommendation_id": " "},
    {"recommendation_id": 7},
    {"recommendation_id": "Ü-日本-🎬"},
    {"recommendation_id": "\u001f"},
    {"recommendation_id": "x" * 129},
    {"recommendation_id": "x" * 10_000},
    {"recommendation_id": 1e300},
    {"recommendation_id": float("nan")},
    {"event_time": NOW_MS + 5 * 60 * 1000},
]
REJECTED: list[tuple[dict[str, Any], str]] = [
    ({"user_id": ...}, "user_id is missing"),
    ({"item_id": None}, "item_id is missing"),
    ({"event_type": ...}, "event_type is missing"),
    ({"user_id": ""}, "user_id is empty"),
    ({"item_id": "x" * 129}, "item_id is longer than 128 characters"),
    ({"item_id": "a\nb"}, "item_id holds a control character"),
    ({"user_id": "a\u0085b"}, "user_id holds a control character"),
    ({"user_id": "\u0000"}, "user_id holds a control character"),
    ({"session_id": ""}, "session_id is empty"),
    ({"event_type": "RATING"}, "unknown event_type"),
    ({"event_type": "share"}, "unknown event_type"),
    ({"value": None}, "a rating needs a value"),
    ({"value": ...}, "a rating needs a value"),
    ({"value": 0.4}, "value of a rating must lie in 0.5-5"),
    ({"value": 5.01}, "value of a rating must lie in 0.5-5"),
    ({"value": -3}, "value of a rating must lie in 0.5-5"),
    ({"value": float("nan")}, "value of a rating must lie in 0.5-5"),
    ({"value": float("inf")}, "value of a rating must lie in 0.5-5"),
    ({"value": 1e400}, "value of a rating must lie in 0.5-5"),
    ({"value": "many"}, "malformed JSON or a field of the wrong type"),
    ({"value": "4.5"}, "malformed JSON or a field of the wrong type"),
    ({"value": True}, "malformed JSON or a field of the wrong type"),
    ({"event_type": "view", "value": 2}, "value must be 1 or absent"),
    ({"event_id": "7"}, "event_id is not a UUID"),
    ({"event_id": EVENT_ID + "0"}, "event_id is not a UUID"),
    ({"schema_version": 2}, "unknown schema_version"),
    ({"event_time": -1}, "event_time lies before 1970"),
    ({"event_time": 1_600_000_000}, BEFORE_ANY_LOG),
    ({"event_time": 20170211}, BEFORE_ANY_LOG),
    ({"user_id": "  "}, "user_id is empty"),
    ({"user_id": float("nan")}, "user_id is not a number: an id that is absent cannot be sent"),
    ({"session_id": float("-inf")}, "session_id is not a number: an id that is absent cannot be sent"),
    ({"user_id": 1e300}, "user_id is a number that has lost digits as a float: send text"),
    ({"event_time": 1.5}, "malformed JSON or a field of the wrong type"),
    ({"event_time": "soon"}, "malformed JSON or a field of the wrong type"),
    ({"event_time": NOW_MS + 5 * 60 * 1000 + 1}, "event_time lies in the future"),
    ({"event_time": 10**30}, "malformed JSON or a field of the wrong type"),
]
BYTES: list[tuple[bytes | None, str]] = [
    (None, "the record is empty"),
    (b"", "malformed JSON or a field of the wrong type"),
    (b"{", "malformed JSON or a field of the wrong type"),
    (b"[1, 2]", "malformed JSON or a field of the wrong type"),
    (b"7", "malformed JSON or a field of the wrong type"),
    (b'"text"', "malformed JSON or a field of the wrong type"),
    (b"null", "malformed JSON or a field of the wrong type"),
    (b"\xff\xfe{}", "not UTF-8 text"),
    (b"{" * 5000, "malformed JSON or a field of the wrong type"),
    (b'{"user_id": {"a": ' * 2000, "malformed JSON or a field of the wrong type"),
    (b"{}", "user_id is missing"),
]


def event(changes: dict[str, Any]) -> dict[str, Any]:
    changed = {**BASE, **changes}
    return {name: value for name, value in changed.items() if value is not ...}


def records(spark: SparkSession, values: list[bytes | None], topic: str) -> DataFrame:
    moment = datetime.fromtimestamp(NOW_MS / 1000, timezone.utc)
    rows = [(topic, 0, n, moment, b"key", value) for n, value in enumerate(values)]
    ddl = "topic STRING, partition INT, offset BIGINT, timestamp TIMESTAMP, key BINARY, value BINARY"
    return spark.createDataFrame(rows, ddl)


def encode(events: list[dict[str, Any]]) -> list[bytes | None]:
    return [json.dumps(one).encode() for one in events]


def pydantic_takes(one: dict[str, Any]) -> bool:
    try:
        parsed = Interaction.model_validate_json(json.dumps(one))
    except ValidationError:
        return False
    if before_any_log(parsed.event_time, parsed.time_from_zero):
        return False
    return not from_future(parsed.event_time, NOW_MS)


def test_spark_accepts_what_pydantic_accepts_with_the_same_values(spark: SparkSession) -> None:
    events = [event(changes) for changes in ACCEPTED]
    assert all(pydantic_takes(one) for one in events)
    parsed = parse(records(spark, encode(events), topics.INTERACTIONS.name)).persist()
    assert [row.reason for row in rejected_records(parsed).collect()] == []
    rows = sorted(accepted_interactions(parsed).collect(), key=lambda row: row.kafka_offset)
    for one, row in zip(events, rows, strict=True):
        expected = Interaction.model_validate_json(json.dumps(one))
        for name in ("event_type", "user_id", "item_id", "value", "session_id", "recommendation_id"):
            assert row[name] == getattr(expected, name), (one, name)
        if "event_id" in one:
            assert row.event_id == expected.event_id


def test_spark_rejects_what_pydantic_rejects_and_says_why(spark: SparkSession) -> None:
    events = [event(changes) for changes, _ in REJECTED]
    values = encode(events)
    parsed = parse(records(spark, values, topics.INTERACTIONS.name)).persist()
    rows = {row.offset: row for row in rejected_records(parsed).collect()}
    for n, (one, (_, reason)) in enumerate(zip(events, REJECTED, strict=True)):
        assert not pydantic_takes(one), one
        assert n in rows, one
        assert rows[n].reason == reason, one
        assert bytes(rows[n].value) == values[n]
    assert accepted_interactions(parsed).count() == 0


def test_bytes_of_any_shape_are_rejected_with_a_reason(spark: SparkSession) -> None:
    parsed = parse(records(spark, [value for value, _ in BYTES], topics.INTERACTIONS.name))
    reasons = {row.offset: row.reason for row in rejected_records(parsed).collect()}
    assert [reasons.get(n) for n in range(len(BYTES))] == [reason for _, reason in BYTES]


def test_the_short_parse_for_the_lake_gives_the_same_reasons(spark: SparkSession) -> None:
    events = [event(changes) for changes in ACCEPTED] + [event(changes) for changes, _ in REJECTED]
    values = [*encode(events), *(value for value, _ in BYTES)]
    frame = records(spark, values, topics.INTERACTIONS.name)
    whole, shorter = (
        {row.offset: row.reason for row in some(frame).select("offset", "reason").collect()}
        for some in (parse, parse_interactions)
    )
    assert whole == shorter
    assert list(whole.values()).count(None) == len(ACCEPTED)


@pytest.mark.parametrize("parsing", [parse, parse_interactions])
def test_text_inside_of_json_that_spark_parses_is_not_checked(
    spark: SparkSession, parsing: Callable[[DataFrame], DataFrame]
) -> None:
    parsed = parsing(records(spark, [], topics.INTERACTIONS.name)).select("event", "reason")
    steps = parsed._jdf.queryExecution().optimizedPlan().toString().splitlines()  # type: ignore[operator]
    assert [step for step in steps if "from_json" in step]
    assert not [step for step in steps if "from_json" in step and "isValid" in step]


@pytest.mark.parametrize("ensure_ascii", [True, False], ids=["escaped", "as themselves"])
def test_every_control_character_is_found_and_no_other(spark: SparkSession, ensure_ascii: bool) -> None:
    controls = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))]
    others = [" ", "~", "\u00a0", "\u00bf", "\u00c2", "\u0100", "\u2028", "\\", '"']
    values: list[bytes | None] = [
        json.dumps(event({"item_id": f"a{one}b"}), ensure_ascii=ensure_ascii).encode()
        for one in (*controls, *others)
    ]
    parsed = parse(records(spark, values, topics.INTERACTIONS.name)).persist()
    reasons = {row.offset: row.reason for row in rejected_records(parsed).collect()}
    assert set(reasons.values()) == {"item_id holds a control character"}
    assert sorted(reasons) == list(range(len(controls)))


def test_an_event_without_an_id_gets_the_same_one_on_every_replay(spark: SparkSession) -> None:
    values = encode([event({"event_id": ...}), event({"event_id": ...})])
    ids = [
        sorted(row.event_id for row in accepted_interactions(parse(frame)).collect())
        for frame in [records(spark, values, topics.INTERACTIONS.name) for _ in range(2)]
    ]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 2


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"kind": "item", "id": "x", "updated_at": 1}, None),
        ({"kind": "user", "id": "x", "updated_at": 1, "attributes": {"age": "7"}}, None),
        ({"kind": "shop", "id": "x", "updated_at": 1}, "unknown kind"),
        ({"kind": "item", "updated_at": 1}, "id is missing"),
        ({"kind": "item", "id": "", "updated_at": 1}, "id is empty"),
        ({"kind": "item", "id": "x", "updated_at": NOW_MS * 2}, "updated_at lies in the future"),
        ({"kind": "item", "id": "x", "updated_at": "1"}, "malformed JSON or a field of the wrong type"),
    ],
)
def test_catalogue_entries_beyond_their_bounds_are_rejected(
    spark: SparkSession, entry: dict[str, Any], reason: str | None
) -> None:
    parsed = parse(records(spark, encode([entry]), topics.CATALOG.name))
    assert [row.reason for row in rejected_records(parsed).collect()] == ([reason] if reason else [])
    assert accepted_entries(parsed).count() == (0 if reason else 1)
    assert accepted_interactions(parsed).count() == 0


def test_accepted_rows_have_the_columns_of_the_lake(spark: SparkSession) -> None:
    parsed = parse(records(spark, [], topics.INTERACTIONS.name))
    for frame, table in (
        (accepted_interactions(parsed), lake.INTERACTIONS),
        (accepted_entries(parsed), lake.CATALOG),
    ):
        expected = spark.createDataFrame([], table.ddl)
        assert [(f.name, f.dataType) for f in frame.schema] == [(f.name, f.dataType) for f in expected.schema]
