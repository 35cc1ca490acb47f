from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pyarrow as pa
from deltalake import write_deltalake

from contracts.stored import lake
from stack.verify.exposures import SHOWN, read_shown
from stack.verify.invariants import shown_once
from tests.stack.verify.test_check import CLEAN

ROWS = [
    {"partition": 0, "offset": 4, "place": 0, "user_id": "ann", "event_time": 2000},
    {"partition": 0, "offset": 4, "place": 1, "user_id": None, "event_time": 1000},
]


def test_exposures_stored_once_and_not_of_erased_users_violate_nothing() -> None:
    assert shown_once(replace(CLEAN, shown=pa.Table.from_pylist(ROWS, SHOWN), erased={"ann": 1999})) == []


def test_an_exposure_that_is_stored_twice_is_reported() -> None:
    of_the_next_topic = ROWS[0] | {"event_time": 3000}  # of the same place in a topic created again
    shown = pa.Table.from_pylist([*ROWS, of_the_next_topic, ROWS[0]], SHOWN)
    (found,) = shown_once(replace(CLEAN, shown=shown))
    assert (found.cases, found.examples) == (1, ["exposures:0:4:0"])


def test_an_exposure_of_an_erased_user_is_reported() -> None:
    (found,) = shown_once(replace(CLEAN, shown=pa.Table.from_pylist(ROWS, SHOWN), erased={"ann": 2000}))
    assert (found.cases, found.what) == (1, "exposures of erased users are in the lake")


def test_exposures_are_read_with_their_offsets_and_a_lake_without_the_table_has_none(tmp_path: Path) -> None:
    uri = str(tmp_path)
    assert read_shown(uri) == SHOWN.empty_table()
    columns = {
        "kafka_partition": pa.array([0], pa.int32()),
        "kafka_offset": [4],
        "kafka_place": pa.array([0], pa.int32()),
        "user_id": ["ann"],
        "event_time": [datetime(1970, 1, 1, 0, 0, 2, tzinfo=timezone.utc)],
        "arm": [""],
    }
    write_deltalake(lake.EXPOSURES.path(uri), pa.table(columns))
    assert read_shown(uri).to_pylist() == ROWS[:1]
