"""Counts of what users saw and then did, for any group of exposures."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from contracts.events import NEGATIVE_TYPES, RETRACT
from experiments.observations.attribution import clicked_places
from experiments.observations.ids import codes
from experiments.observations.rows import ExperimentRows
from experiments.observations.shown_items import shown_items
from experiments.observations.units import (
    is_conversion,
    session_starts,
    times_of,
    without_refuted,
)


class Shown(NamedTuple):
    """The counts of a group of exposures, and the novelty of the items that it showed."""

    lists: int
    users: int
    impressions: int
    clicks: int
    conversions: int  # by the group's users, from their first exposure in it on
    interactions: int  # the same
    sessions: int
    items: int  # how many different items were shown
    novelty: float  # the mean of -log2 of a shown item's share of all interactions; NaN without items


class ShownRows:
    """Exposures of known users, joined once with the clicks and other interactions of the same time."""

    def __init__(self, rows: ExperimentRows, window_ms: int, positive_rating: float) -> None:
        exposures = without_refuted(rows.exposures)
        self.exposures = exposures.filter(pc.is_valid(exposures["user_id"]))
        done = rows.interactions.filter(pc.not_equal(rows.interactions["event_type"], RETRACT))
        users = pc.unique(self.exposures["user_id"])
        self._users = len(users)
        self._unit, self._times = codes(self.exposures["user_id"], users), times_of(self.exposures)
        names = self.exposures["recommendation_id"]
        self._recommendation = codes(names, pc.unique(names))
        self._shown, items = shown_items(self.exposures)
        catalogue = pc.unique(pa.chunked_array([items, *done["item_id"].chunks], pa.string()))
        self.catalogue_items = len(catalogue)
        self._items = codes(items, catalogue)
        touched = np.bincount(codes(done["item_id"], catalogue), minlength=max(1, len(catalogue)))
        # As in algorithms.list_metrics.novelty, an item without interactions counts as if it had one.
        self._information = -np.log2(np.maximum(touched, 1) / max(1, int(touched.sum())))

        unit = codes(done["user_id"], users)
        self._done, self._done_unit = done.filter(pa.array(unit >= 0)), unit[unit >= 0]
        self._done_times = times_of(self._done)
        self._converts = is_conversion(self._done, positive_rating)
        liked = done.filter(pc.invert(pc.is_in(done["event_type"], pa.array(NEGATIVE_TYPES, pa.string()))))
        liked_unit = codes(liked["user_id"], users)
        self._clicked = self._shown[
            clicked_places(self.exposures, self._unit, self._shown, items, liked, liked_unit, window_ms)
        ]

    def of_group(self, is_in_group: NDArray[np.bool_]) -> Shown:
        """The counts of the exposures in a group; a click counts for the exposure that it followed."""
        first = np.full(self._users, np.iinfo(np.int64).max)
        np.minimum.at(first, self._unit[is_in_group], self._times[is_in_group])
        since = self._done_times >= first[self._done_unit]
        sessions, _ = session_starts(
            self._done.filter(pa.array(since)), self._done_unit[since], self._done_times[since]
        )
        items = self._items[is_in_group[self._shown]]
        return Shown(
            lists=len(np.unique(self._recommendation[is_in_group])),  # a client reports one in parts
            users=len(np.unique(self._unit[is_in_group])),
            impressions=len(items),
            clicks=int(is_in_group[self._clicked].sum()),
            conversions=int((since & self._converts).sum()),
            interactions=int(since.sum()),
            sessions=len(sessions),
            items=len(np.unique(items)),
            novelty=float(self._information[items].mean()) if len(items) else float("nan"),
        )
