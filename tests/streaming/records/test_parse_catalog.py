"""One corpus of catalogue entries through Spark and pydantic: the stream accepts all that the API does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError
from pyspark.sql import SparkSession

from contracts import topics
from contracts.catalog import CatalogEntry
from contracts.events import from_future
from contracts.stored import lake
from contracts.stored.records import decode_catalog, encode_catalog
from streaming.records.parse import accepted_entries, parse, rejected_records
from tests.streaming.records.test_parse import NOW_MS, encode, records

BASE: dict[str, Any] = {"kind": "item", "id": "x", "updated_at": NOW_MS - 1000}
WIDE = "😀"  # one character, two in Java

ACCEPTED: list[dict[str, Any]] = [
    {},
    {"kind": "user"},
    {"kind": "erasure"},
    {"id": 7},
    {"title": None},
    {"title": ""},
    {"title": "line\nbreak"},
    {"title": 1984},
    {"title": WIDE * 1024},
    {"categories": None},
    {"categories": []},
    {"categories": [""]},
    {"categories": [WIDE * 128] * 64},
    {"attributes": None},
    {"attributes": {}},
    {"attributes": {"a": "", " ": "two\nlines"}},
    {"attributes": {"year": 1984}},
    {"attributes": {WIDE * 128: WIDE * 1024}},
    {"attributes": {str(n): "v" for n in range(64)}},
    {"updated_at": 0},
    {"updated_at": NOW_MS + 5 * 60 * 1000},
]
REJECTED: list[tuple[dict[str, Any], str]] = [
    ({"kind": ...}, "kind is missing"),
    ({"kind": "shop"}, "unknown kind"),
    ({"id": ...}, "id is missing"),
    ({"id": ""}, "id is empty"),
    ({"id": "x" * 129}, "id is longer than 128 characters"),
    ({"id": "a\tb"}, "id holds a control character"),
    ({"title": "x" * 1025}, "title is longer than 1024 characters"),
    ({"categories": ["c"] * 65}, "more than 64 categories"),
    ({"categories": ["a", None]}, "a category is null"),
    ({"categories": ["a", "c" * 129]}, "a category is longer than 128 characters"),
    ({"categories": "drama"}, "malformed JSON or a field of the wrong type"),
    ({"attributes": {str(n): "v" for n in range(65)}}, "more than 64 attributes"),
    ({"attributes": {"n" * 129: "v"}}, "the name of an attribute is longer than 128 characters"),
    ({"attributes": {"a": None}}, "an attribute is null"),
    ({"attributes": {"a": "v" * 1025}}, "an attribute is longer than 1024 characters"),
    ({"attributes": {"a": "b", "": "v"}}, "the name of an attribute is empty"),
    ({"attributes": ["a"]}, "malformed JSON or a field of the wrong type"),
    ({"updated_at": -1}, "updated_at lies before 1970"),
    ({"updated_at": NOW_MS + 5 * 60 * 1000 + 1}, "updated_at lies in the future"),
]


def entry(changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**BASE, **changes}.items() if value is not ...}


def pydantic_takes(one: dict[str, Any]) -> bool:
    try:
        parsed = CatalogEntry.model_validate_json(json.dumps(one))
    except ValidationError:
        return False
    return not from_future(parsed.updated_at, NOW_MS)


def test_spark_accepts_what_pydantic_accepts_with_the_same_values(spark: SparkSession) -> None:
    entries = [entry(changes) for changes in ACCEPTED]
    assert [one for one in entries if not pydantic_takes(one)] == []
    parsed = parse(records(spark, encode(entries), topics.CATALOG.name)).persist()
    assert [(row.offset, row.reason) for row in rejected_records(parsed).collect()] == []
    rows = sorted(accepted_entries(parsed).collect(), key=lambda row: row.kafka_offset)
    for one, row in zip(entries, rows, strict=True):
        expected = CatalogEntry.model_validate_json(json.dumps(one))
        assert (row.kind, row.id, row.title, row.updated_at) == (
            expected.kind,
            expected.id,
            expected.title,
            expected.updated_at,
        )
        assert tuple(row.categories or ()) == expected.categories
        assert (row.attributes or {}) == expected.attributes


def test_spark_rejects_what_pydantic_rejects_and_says_why(spark: SparkSession) -> None:
    entries = [entry(changes) for changes, _ in REJECTED]
    # An API fills in the time; a record on the topic must have one.
    assert [one for one in entries if "kind" in one and pydantic_takes(one)] == []
    values = encode([*entries, entry({"updated_at": ...})])
    parsed = parse(records(spark, values, topics.CATALOG.name)).persist()
    rows = {row.offset: row for row in rejected_records(parsed).collect()}
    expected = [*(reason for _, reason in REJECTED), "updated_at is missing"]
    assert [rows[n].reason if n in rows else None for n in range(len(values))] == expected
    assert [bytes(rows[n].value) for n in range(len(values))] == values
    assert accepted_entries(parsed).count() == 0


@pytest.mark.parametrize("beyond", [{"title": "t" * 5000}, {"attributes": {"a": "v" * 20_000}}])
def test_an_entry_stored_before_the_bounds_is_read_from_redis_and_from_the_lake(
    spark: SparkSession, beyond: dict[str, Any]
) -> None:
    stored = entry({"categories": ["c"], "attributes": {}, **beyond})
    assert decode_catalog(encode_catalog(stored["updated_at"], json.dumps(stored))) == stored
    names = ("kind", "id", "title", "categories", "attributes", "updated_at")
    lake_rows = spark.createDataFrame([tuple(stored.get(name) for name in names)], lake.CATALOG_DDL)
    assert lake_rows.collect()[0].asDict() == {name: stored.get(name) for name in names}
