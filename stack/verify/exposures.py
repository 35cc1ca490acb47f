"""Checks the lake's exposures: each is there once, and none belongs to an erased user."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from deltalake.exceptions import TableNotFoundError

from clients.storage.lake_tables import open_table
from contracts.stored import lake
from stack.verify.violations import MOST_EXAMPLES, Violation

SHOWN = pa.schema(
    [
        ("partition", pa.int64()),
        ("offset", pa.int64()),
        ("place", pa.int64()),  # within the record
        ("user_id", pa.string()),
        ("event_time", pa.int64()),  # epoch ms
    ]
)
SHOWN_PLACE = ["partition", "offset", "place"]
_COLUMNS = ["kafka_partition", "kafka_offset", "kafka_place", "user_id", "event_time"]


def read_shown(uri: str) -> pa.Table:
    """The exposures table's newest version, as SHOWN; empty where there is none."""
    try:
        rows = open_table(lake.EXPOSURES, uri).to_table(_COLUMNS)
    except TableNotFoundError:
        return SHOWN.empty_table()
    moments = rows["event_time"].cast(pa.timestamp("ms", "UTC"), safe=False).cast(pa.int64())
    rows = rows.set_column(rows.schema.get_field_index("event_time"), "event_time", moments)
    return rows.rename_columns(SHOWN.names).cast(SHOWN)


def repeated_places(shown: pa.Table) -> Violation:
    """Exposures that the table holds more than once.

    Two of different users or moments at one place are of a topic and of its successor of the same name.
    """
    places = shown.group_by(SHOWN.names).aggregate([([], "count_all")])
    return _violation(places.filter(pc.greater(places["count_all"], 1)), "exposures are in the lake twice")


def kept_though_erased(forgotten: pa.Table) -> Violation:
    """Exposures (SHOWN) that a tombstone should have deleted."""
    return _violation(forgotten, "exposures of erased users are in the lake")


def _violation(rows: pa.Table, what: str) -> Violation:
    examples = [
        f"{lake.EXPOSURES.name}:{row['partition']}:{row['offset']}:{row['place']}"
        for row in rows.slice(0, MOST_EXAMPLES).to_pylist()
    ]
    return Violation(rows.num_rows, what, examples)
