from __future__ import annotations

import json

import pyarrow as pa

from contracts.stored.records import HistoryEntry
from streaming.online.rows import (
    RecordRow,
    entries_of,
    erasures_of,
    events_of,
    kept_rows,
    rows_of_batch,
    rows_of_json,
)
from streaming.state.apply import CatalogRecord, UserEvent
from streaming.state.erasure import Erasure

ID = "00000000-0000-4000-8000-000000000001"
RECORDS = [
    {
        "partition": "interactions:2",
        "offset": 7,
        "through": 70,
        "accepted": "interactions",
        "user_id": "ann",
        "item_id": 'ü "\\ ☃',
        "event_type": "rating",
        "event_id": ID,
        "value": 3.3,
        "event_time": 5,
    },
    {"partition": "interactions:2", "offset": 8, "through": 80},
    {
        "partition": "catalog:0",
        "offset": 1,
        "through": 60,
        "accepted": "catalog",
        "kind": "erasure",
        "id": "bob",
        "updated_at": 9,
        "json": "{}",
    },
]


def test_rows_from_json_and_from_arrow_are_equal() -> None:
    from_json = rows_of_json(map(json.dumps, RECORDS))
    columns = {name: [record.get(name) for record in RECORDS] for name in RecordRow._fields}
    assert rows_of_batch(pa.RecordBatch.from_pydict(columns)) == from_json
    assert from_json[1].accepted is None


def test_only_accepted_records_become_events_and_entries() -> None:
    rows = rows_of_json(map(json.dumps, RECORDS))
    assert events_of(rows) == [UserEvent("ann", 'ü "\\ ☃', HistoryEntry("rating", 5, ID, 3.3))]
    assert entries_of(rows) == [CatalogRecord("erasure", "bob", 9, "{}")]
    assert list(erasures_of(entries_of(rows))) == [Erasure("bob", 9)]


def test_events_from_before_the_bound_are_left_out_and_nothing_else() -> None:
    rows = rows_of_json(map(json.dumps, RECORDS))
    assert kept_rows(rows, 0) is rows
    assert kept_rows(rows, 5) == rows
    assert kept_rows(rows, 6) == rows[1:]
