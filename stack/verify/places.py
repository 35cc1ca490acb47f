"""Compares rows of ledgers by their places: partition and offset of the interactions topic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from contracts.topics import INTERACTIONS
from stack.verify.ledgers import PLACE
from stack.verify.violations import MOST_EXAMPLES, Violation

OffsetArray = np.ndarray[Any, np.dtype[np.int64]]
NO_OFFSETS: OffsetArray = np.empty(0, np.int64)
CONTENT = ("event_id", "user_id", "item_id", "event_type", "value", "event_time")


def rows_without(rows: pa.Table, others: pa.Table) -> pa.Table:
    """The rows whose place is not among the others' places, in their order."""
    return _join(rows, others, "left anti")


def rows_with(rows: pa.Table, others: pa.Table) -> pa.Table:
    """The rows whose place is among the others' places, in their order."""
    return _join(rows, others, "left semi")


def _join(rows: pa.Table, others: pa.Table, join_type: str) -> pa.Table:
    joined = _number(rows, "row").join(others.select(PLACE), keys=PLACE, join_type=join_type)
    return rows.take(joined["row"].combine_chunks().sort())


def _number(rows: pa.Table, name: str) -> pa.Table:
    """The places and each row's number, which is all that a join needs."""
    return rows.select(PLACE).append_column(name, pa.array(np.arange(rows.num_rows)))


def altered_rows(sent: pa.Table, lake: pa.Table) -> pa.Table:
    """Sent rows that have another content in the lake; a column that the ledger lacks counts as equal.

    Where a topic was created again, a place has the events of both; one of them must be equal.
    """
    pairs = _number(sent, "sent").join(_number(lake, "lake"), keys=PLACE, join_type="inner")
    differs = pa.array(np.zeros(pairs.num_rows, bool))
    for name in CONTENT:
        in_ledger, in_lake = sent[name].take(pairs["sent"]), lake[name].take(pairs["lake"])
        # A null in the lake is a difference; a null in the ledger only means that the value is unknown.
        wrong = pc.and_(in_ledger.is_valid(), pc.fill_null(pc.not_equal(in_ledger, in_lake), True))
        differs = pc.or_(differs, wrong)
    equal = pairs["sent"].filter(pc.invert(differs))
    return sent.take(pa.array(np.setdiff1d(pairs["sent"].to_numpy(), equal.to_numpy())))


def offsets_by_partition(tables: Iterable[pa.Table]) -> dict[int, OffsetArray]:
    """Every offset in the tables by partition, with repeated ones."""
    places = pa.concat_tables(tables)
    partition, offset = places["partition"].to_numpy(), places["offset"].to_numpy()
    return {int(number): offset[partition == number] for number in np.unique(partition)}


def places_of_two_topics(lake: pa.Table) -> pa.Table:
    """The places at which the lake has several events (column `events`).

    A record has one event, so the topic was deleted and created again, and the lake keeps the rows of both.
    """
    events = lake.group_by(PLACE).aggregate([("event_id", "count_distinct")])
    events = events.rename_columns([*PLACE, "events"])
    return events.filter(pc.greater(events["events"], 1))


def count_surplus(places: pa.Table) -> dict[int, int]:
    """Partition -> how many events the `places_of_two_topics` have beyond one each."""
    partition, events = places["partition"].to_numpy(), places["events"].to_numpy()
    return {int(number): int((events[partition == number] - 1).sum()) for number in np.unique(partition)}


def violation_of(rows: pa.Table, what: str) -> Violation:
    """A violation with one case for each row, and the first rows as examples."""
    examples = [_row_in_words(row) for row in rows.slice(0, MOST_EXAMPLES).to_pylist()]
    return Violation(rows.num_rows, what, examples)


def _row_in_words(row: Mapping[str, Any]) -> str:
    words = []
    if row.get("offset") is not None and row["offset"] >= 0:
        words.append(f"{INTERACTIONS.name}:{row['partition']}:{row['offset']}")
    if row.get("event_id"):
        words.append(f"event {row['event_id']}")
    return " ".join(words) or "an event without an id"
