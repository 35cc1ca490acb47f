from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from deltalake import write_deltalake

from contracts.stored.lake import INTERACTIONS
from stack.verify.lake_count import LakeCount, count_lake


def test_rows_and_distinct_events_are_counted_in_the_table_itself(tmp_path: Path) -> None:
    events = pa.table({"event_id": ["a", "b", "b"], "user_id": ["1", "2", "2"], "item_id": ["x", "x", "y"]})
    write_deltalake(INTERACTIONS.path(str(tmp_path)), events)
    assert count_lake(tmp_path) == LakeCount(rows=3, distinct_events=2, users=2, items=2)


def test_before_the_first_commit_the_lake_is_empty(tmp_path: Path) -> None:
    assert count_lake(tmp_path) == LakeCount(0, 0, 0, 0)
