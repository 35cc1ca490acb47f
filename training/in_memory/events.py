"""The events of a version of the lake as arrays, read by one Spark job."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from contracts.events import EVENT_TYPES
from training.data.dataset import drop_unusable

# At the peak, which is the choice of a blend's weights; measured on one and three million ratings (ADR 14).
BYTES_AN_EVENT = 650


@dataclass(frozen=True)
class Events:
    """Usable events, ordered by (user, item, type, event time, event id); ids are codes into the text ids."""

    user_ids: pa.Array  # distinct, in the order of their bytes
    item_ids: pa.Array
    users: NDArray[np.int32]
    items: NDArray[np.int32]
    types: NDArray[np.int8]  # places in EVENT_TYPES
    values: NDArray[np.float64]
    times: NDArray[np.int64]  # event time, epoch ms
    event_ids: pa.Array

    def __len__(self) -> int:
        return len(self.users)

    def where(self, kept: NDArray[np.bool_]) -> Events:
        """A part of the events, in the same order and with the same codes."""
        return replace(
            self,
            users=self.users[kept],
            items=self.items[kept],
            types=self.types[kept],
            values=self.values[kept],
            times=self.times[kept],
            event_ids=self.event_ids.filter(pa.array(kept)),
        )


def read_events(interactions: DataFrame) -> Events:
    """Read the usable events of ``interactions`` (lake.INTERACTIONS), by one Spark job."""
    type_code = F.array_position(F.array(*map(F.lit, EVENT_TYPES)), F.col("event_type")) - 1
    rows = drop_unusable(interactions).select(
        "user_id",
        "item_id",
        type_code.cast("byte").alias("type"),
        "value",
        F.unix_millis("event_time").alias("time"),
        "event_id",
    )
    return events_of(rows.filter("type >= 0").toArrow())


def events_of(table: pa.Table) -> Events:
    """Events of columns user_id, item_id, type (place in EVENT_TYPES), value, time (epoch ms), event_id."""
    user_ids, users = _encode_texts(table["user_id"])
    item_ids, items = _encode_texts(table["item_id"])
    types = table["type"].to_numpy().astype(np.int8)
    times = table["time"].to_numpy().astype(np.int64)
    event_ids = table["event_id"].combine_chunks().cast(pa.large_string())
    values = table["value"].to_numpy().astype(np.float64)
    order = _order(users, items, types, times, event_ids, values)
    return Events(
        user_ids=user_ids,
        item_ids=item_ids,
        users=users[order],
        items=items[order],
        types=types[order],
        values=values[order],
        times=times[order],
        event_ids=event_ids.take(pa.array(order)),
    )


def _encode_texts(column: pa.ChunkedArray) -> tuple[pa.Array, NDArray[np.int32]]:
    """The distinct texts in the order of their bytes, as Spark has them, and each row's place among them."""
    encoded = column.dictionary_encode().combine_chunks()
    texts = encoded.dictionary
    order = pc.array_sort_indices(texts).to_numpy()
    places = np.empty(len(order), np.int32)
    places[order] = np.arange(len(order), dtype=np.int32)
    codes: NDArray[Any] = encoded.indices.to_numpy(zero_copy_only=False)
    return texts.take(pa.array(order)), places[codes]


def _order(
    users: NDArray[np.int32],
    items: NDArray[np.int32],
    types: NDArray[np.int8],
    times: NDArray[np.int64],
    event_ids: pa.Array,
    values: NDArray[np.float64],
) -> NDArray[np.int64]:
    """The order by (user, item, type, time, event id, value), whatever the order of the rows.

    Ids and values are compared only where the rest is equal.
    """
    order = np.lexsort((times, types, items, users))
    keys = (users[order], items[order], types[order], times[order])
    same = np.logical_and.reduce([key[1:] == key[:-1] for key in keys])
    if not same.any():
        return order
    in_tie = np.concatenate([[False], same]) | np.concatenate([same, [False]])
    group = np.cumsum(np.concatenate([[True], ~same]))
    places = np.flatnonzero(in_tie)
    texts = event_ids.take(pa.array(order[places])).to_pylist()
    amounts = values[order[places]].tolist()
    ranked = sorted(
        range(len(places)), key=lambda place: (group[places[place]], texts[place], amounts[place])
    )
    order[places] = order[places[ranked]]
    return order
