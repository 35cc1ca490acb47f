"""Ids as numbers: the place of each in a list of ids."""

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
