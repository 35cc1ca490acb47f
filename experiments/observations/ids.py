"""Ids as numbers: the place of each in a list of ids; and which rows are the first with their ids."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


def codes(column: pa.ChunkedArray | pa.Array, ids: pa.Array) -> NDArray[np.int64]:
    """The place of each value in ``ids``, -1 for null and for one that is not among them."""
    places = pc.fill_null(pc.index_in(column, ids, skip_nulls=True), -1)
    return np.asarray(places, dtype=np.int64)


def whole_column(table: pa.Table, name: str) -> pa.Array:
    """A column as one array, without chunks."""
    column = table[name].combine_chunks()
    return column if isinstance(column, pa.Array) else pa.concat_arrays(column.chunks)


def pairs(first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
    """One number for two, different for each pair of numbers from -1 on."""
    return (first + 1) * (int(second.max(initial=0)) + 2) + second + 1


def earliest_rows(keys: NDArray[np.int64], times: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each key, the row with the earliest time; in ascending order."""
    order = np.argsort(times, kind="stable")
    return np.sort(order[np.unique(keys[order], return_index=True)[1]])
