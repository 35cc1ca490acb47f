"""The items that exposures showed, each once in a recommendation, however often a client reports it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from experiments.observations.ids import codes, earliest_rows, pairs, whole_column


class ShownItems(NamedTuple):
    """Items in the order of their exposures."""

    exposure: NDArray[np.int64]  # the row of each item's exposure
    item_ids: pa.Array


def shown_items(exposures: pa.Table) -> ShownItems:
    """The items of exposures, those of one recommendation where it showed them first."""
    lists = whole_column(exposures, "items")
    shown = np.asarray(pc.list_parent_indices(lists), dtype=np.int64)
    items = pc.struct_field(pc.list_flatten(lists), "item_id")
    recommendation = codes(exposures["recommendation_id"], pc.unique(exposures["recommendation_id"]))[shown]
    times = np.asarray(exposures["event_time"].to_numpy(), dtype=np.int64)[shown]
    kept = earliest_rows(pairs(recommendation, codes(items, pc.unique(items))), times)
    return ShownItems(shown[kept], items.take(pa.array(kept)))
