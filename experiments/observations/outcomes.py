"""Recounts the live figures from outcomes: those in the lake, and those that are in Redis only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from deltalake.exceptions import TableNotFoundError

from clients.storage.lake_tables import open_table
from contracts.live_figures import HOUR_MS
from contracts.live_outcomes import Outcome, Scored, day_fields
from contracts.stored.lake import OUTCOMES

_PLACE = ["partition", "offset", "through"]
_RANKS = ["served_rank", "retrained_rank", "popular_rank"]
OUTCOME_ROWS = pa.schema(
    [
        ("partition", pa.int64()),
        ("offset", pa.int64()),
        ("through", pa.int64()),  # the broker's time of the event, epoch ms
        ("scored_at", pa.int64()),
        ("model_version", pa.string()),
        ("served", pa.string()),
        *((name, pa.int32()) for name in _RANKS),
    ]
)
_STORED = {"partition": "kafka_partition", "offset": "kafka_offset", "through": "ingest_time"}
_TIMES = ("through", "scored_at")


def read_outcomes(lake_uri: str, since_ms: int = 0) -> pa.Table:
    """The outcomes (OUTCOME_ROWS) of events since ``since_ms``; empty where there is no table."""
    columns = {name: pc.field(_STORED.get(name, name)) for name in OUTCOME_ROWS.names}
    since = pa.scalar(since_ms * 1000, pa.timestamp("us", "UTC"))
    try:
        dataset = open_table(OUTCOMES, lake_uri)
    except TableNotFoundError:
        return OUTCOME_ROWS.empty_table()
    rows = dataset.to_table(columns, filter=pc.field("ingest_time") >= since)
    for name in _TIMES:
        moments = rows[name].cast(pa.timestamp("ms", "UTC"), safe=False).cast(pa.int64())
        rows = rows.set_column(rows.schema.get_field_index(name), name, moments)
    return rows.cast(OUTCOME_ROWS)


def rows_of(outcomes: Iterable[Outcome]) -> pa.Table:
    """Outcomes as OUTCOME_ROWS."""
    rows = [{**each._asdict(), **each.scored._asdict()} for each in outcomes]
    return pa.Table.from_pylist(rows, OUTCOME_ROWS)


def newest_of_each(rows: pa.Table) -> pa.Table:
    """One row for each event, the one that was scored last, as Redis has counted it.

    An event has two rows where streaming was killed between its writes to the lake and to Redis, or where
    Redis came back with an older state.
    """
    ordered = rows.sort_by([(name, "ascending") for name in (*_PLACE, "scored_at")])
    if not ordered.num_rows:
        return ordered
    is_last = np.zeros(ordered.num_rows, bool)
    is_last[-1] = True
    for name in _PLACE:
        is_last[:-1] |= np.diff(ordered[name].to_numpy()) != 0
    return ordered.filter(pa.array(is_last))


def recount(rows: pa.Table) -> dict[str, dict[str, int]]:
    """The values that the live figures must have: day -> field -> amount (contracts/live_outcomes.py)."""
    return day_fields(_counts(newest_of_each(rows)))


def _counts(rows: pa.Table) -> Iterator[tuple[int, Scored, int]]:
    hours = pa.array(rows["through"].to_numpy() // HOUR_MS * HOUR_MS)
    by_hour = rows.set_column(rows.schema.get_field_index("through"), "through", hours)
    groups = by_hour.group_by(["through", *Scored._fields]).aggregate([([], "count_all")])
    for group in groups.to_pylist():
        yield group["through"], Scored(*(group[name] for name in Scored._fields)), group["count_all"]
