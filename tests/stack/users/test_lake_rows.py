from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from contracts.stored.lake import CATALOG, EXPOSURES, INTERACTIONS
from stack.users.lake_rows import rows_of_user

NOON = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
NOTHING: dict[str, list[Any]] = {"interactions": [], "exposures": [], "catalog": []}


@pytest.fixture
def lake(tmp_path: Path) -> str:
    """Two users, an item with the id of one of them, and a tombstone."""
    users = pa.array(["ann", "bob", "ann"])
    times = pa.array([NOON, NOON, NOON.replace(hour=9)], pa.timestamp("us", "UTC"))
    done = pa.table({"user_id": users, "item_id": ["a", "b", "c"], "event_time": times})
    shown = [[{"item_id": "a", "rank": 1}], [], []]
    about = pa.table(
        {
            "kind": ["user", "item", "erasure", "user"],
            "id": ["ann", "ann", "ann", "bob"],
            "attributes": pa.array([[("age", "25")], [], [], []], pa.map_(pa.string(), pa.string())),
            "updated_at": [1, 2, 3, 4],
        }
    )
    write_deltalake(INTERACTIONS.path(str(tmp_path)), done)
    write_deltalake(EXPOSURES.path(str(tmp_path)), done.append_column("items", pa.array(shown)))
    write_deltalake(CATALOG.path(str(tmp_path)), about)
    return str(tmp_path)


def test_the_export_has_only_the_users_rows_oldest_first_in_json_types(lake: str) -> None:
    found = rows_of_user(lake, "ann")
    assert json.loads(json.dumps(found)) == found
    assert [(row["item_id"], row["event_time"]) for row in found["interactions"]] == [
        ("c", "2026-11-20T09:00:00+00:00"),
        ("a", "2026-11-20T12:00:00+00:00"),
    ]
    assert [row["items"] for row in found["exposures"]] == [[], [{"item_id": "a", "rank": 1}]]
    assert [(row["kind"], row["attributes"]) for row in found["catalog"]] == [
        ("user", {"age": "25"}),
        ("erasure", []),
    ]


def test_an_unknown_user_and_a_lake_without_tables_have_no_rows(lake: str, tmp_path: Path) -> None:
    assert rows_of_user(lake, "nobody") == NOTHING
    assert rows_of_user(str(tmp_path / "absent"), "ann") == NOTHING
