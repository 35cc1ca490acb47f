"""The places of answers that were drawn at random, with what they earned: the input of a replay.

A list is a decision for each place that was drawn, and one decision without an item where none was, because
then, too, the draw could have come to another end. Only lists of a kind and arm with draws count.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from contracts.events import NEGATIVE_TYPES, RETRACT
from experiments.observations.attribution import clicked_places
from experiments.observations.ids import codes, whole_column
from experiments.observations.rows import ExperimentRows

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
NO_ITEM = -1


class Draws(NamedTuple):
    """Decisions, one row each in every array."""

    user_ids: pa.Array
    item_ids: pa.Array  # of the items that were drawn
    user: Ints  # place in user_ids
    item: Ints  # place in item_ids; NO_ITEM where no place was drawn
    propensity: Floats  # with which this decision came to its item; 1 without an item
    clicked: Floats  # 1 where the user acted on the drawn item

    @property
    def has_item(self) -> NDArray[np.bool_]:
        """Which decisions have an item."""
        has_item: NDArray[np.bool_] = self.item != NO_ITEM
        return has_item


def draws_of(rows: ExperimentRows, window_ms: int) -> Draws:
    """The decisions of what the API answered. What a client says of its screen names no probability."""
    by_answer = pc.and_(
        pc.equal(rows.exposures["reported_by"], "answer"), pc.is_valid(rows.exposures["user_id"])
    )
    exposures = rows.exposures.filter(by_answer)
    user_ids = pc.unique(exposures["user_id"])
    user = codes(exposures["user_id"], user_ids)
    lists = whole_column(exposures, "items")
    shown = np.asarray(pc.list_parent_indices(lists), dtype=np.int64)
    entries = pc.list_flatten(lists)
    items, propensity = pc.struct_field(entries, "item_id"), _propensity(entries)
    places = np.flatnonzero(propensity > 0)
    clicked = np.zeros(len(shown))
    clicked[_clicked_places(rows, exposures, user, user_ids, shown, items, window_ms)] = 1.0

    draws_in_list = np.bincount(shown[places], minlength=len(user))
    group = _groups(exposures)
    with_draws = np.unique(group[draws_in_list > 0])
    without = np.flatnonzero((draws_in_list == 0) & np.isin(group, with_draws))
    item_ids = pc.unique(items.take(pa.array(places)))
    of_list = shown[places]
    return Draws(
        user_ids=user_ids,
        item_ids=item_ids,
        user=np.concatenate([user[of_list], user[without]]),
        item=np.concatenate([codes(items.take(pa.array(places)), item_ids), np.full(len(without), NO_ITEM)]),
        # Of k places that were drawn alike, each came to its item with a k-th of the logged probability.
        propensity=np.concatenate([propensity[places] / draws_in_list[of_list], np.ones(len(without))]),
        clicked=np.concatenate([clicked[places], np.zeros(len(without))]),
    )


def _clicked_places(
    rows: ExperimentRows,
    exposures: pa.Table,
    user: Ints,
    user_ids: pa.Array,
    shown: Ints,
    items: pa.Array,
    window_ms: int,
) -> Ints:
    refused = pa.array([*NEGATIVE_TYPES, RETRACT], pa.string())
    liked = rows.interactions.filter(pc.invert(pc.is_in(rows.interactions["event_type"], refused)))
    liked_user = codes(liked["user_id"], user_ids)
    return clicked_places(exposures, user, shown, items, liked, liked_user, window_ms)


def _propensity(entries: pa.Array) -> Floats:
    """The logged probabilities of shown items, 0 where none was logged."""
    logged = pc.fill_null(pc.struct_field(entries, "propensity"), 0.0)
    return np.asarray(logged.to_numpy(zero_copy_only=False), dtype=np.float64)


def _groups(exposures: pa.Table) -> Ints:
    """A number for each exposure, the same for those of one kind and arm."""
    kinds, arms = pc.unique(exposures["kind"]), pc.unique(exposures["arm"])
    numbers: Ints = codes(exposures["kind"], kinds) * max(1, len(arms)) + codes(exposures["arm"], arms)
    return numbers
