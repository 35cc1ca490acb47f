"""The lake's exposures and interactions as Arrow tables, read by deltalake, without Spark."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from deltalake.exceptions import TableNotFoundError

from clients.storage.lake_tables import open_table
from contracts.stored.lake import EXPOSURES, INTERACTIONS, Table
from experiments.observations.ids import codes, earliest_rows, pairs

_SHOWN = (
    "recommendation_id",
    "kind",
    "user_id",
    "session_id",
    "items",
    "model_version",
    "arm",
    "reported_by",
    "event_time",
)
_DONE = (
    "event_id",
    "event_type",
    "user_id",
    "item_id",
    "value",
    "event_time",
    "session_id",
    "recommendation_id",
)


@dataclass(frozen=True)
class ExperimentRows:
    """The exposures of an experiment's run, and the interactions since its pre-period began.

    Columns are those of the lake's tables; `event_time` is epoch ms.
    """

    exposures: pa.Table
    interactions: pa.Table


def read_rows(lake_uri: str, run: str, since_ms: int, shown_since_ms: int) -> ExperimentRows:
    """The rows of one run; none where a table does not exist yet."""
    exposures = _read(lake_uri, EXPOSURES, _SHOWN, shown_since_ms)
    named = pc.match_substring(exposures["arm"], f"{run}:")
    return ExperimentRows(exposures.filter(named), _read_interactions(lake_uri, since_ms))


def read_all_rows(lake_uri: str, since_ms: int) -> ExperimentRows:
    """Every exposure and interaction since ``since_ms``, in an experiment or not."""
    exposures = _read(lake_uri, EXPOSURES, _SHOWN, since_ms)
    return ExperimentRows(exposures, _read_interactions(lake_uri, since_ms))


def _read_interactions(lake_uri: str, since_ms: int) -> pa.Table:
    """Each event once, its last writer: what a client sent again has the same id."""
    rows = _read(lake_uri, INTERACTIONS, _DONE, since_ms)
    event, user = (codes(rows[name], pc.unique(rows[name])) for name in ("event_id", "user_id"))
    times = np.asarray(rows["event_time"].to_numpy(), dtype=np.int64)
    return rows.take(pa.array(earliest_rows(pairs(user, event), -times)))


def _read(lake_uri: str, table: Table, columns: tuple[str, ...], since_ms: int) -> pa.Table:
    try:
        dataset = open_table(table, lake_uri)
    except TableNotFoundError:
        return pa.table({name: pa.array([], _EMPTY.get(name, pa.string())) for name in columns})
    since = pa.scalar(since_ms * 1000, pa.timestamp("us", "UTC"))
    rows = dataset.to_table(list(columns), filter=pc.field("event_time") >= since)
    micros = rows["event_time"].cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    times = np.asarray(micros.to_numpy()) // 1000
    place = rows.column_names.index("event_time")
    return rows.set_column(place, "event_time", pa.array(times, pa.int64()))


_EMPTY: dict[str, pa.DataType] = {
    "event_time": pa.int64(),
    "value": pa.float64(),
    "items": pa.list_(
        pa.struct(
            [
                ("item_id", pa.string()),
                ("rank", pa.int32()),
                ("source", pa.string()),
                ("propensity", pa.float64()),
            ]
        )
    ),
}
