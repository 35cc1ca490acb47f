"""A version of the lake as arrays by dense index: the in-memory form of `training.data.load`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from algorithms.signals.history import Histories, Moments
from contracts.settings import TrainingSettings
from contracts.stored.manifest import Counts
from contracts.stored.memory import World
from training.data.load import describe_world
from training.in_memory.events import Events
from training.in_memory.pairs import Pairs, pairs_of

_ABSENT = -1
# How many matrices a blend is assumed to have (rarely more): Redis' budget is checked before it is chosen.
_BLEND_MATRICES = 4


@dataclass(frozen=True)
class RoundArrays:
    """What a round learns from. Users and items are dense indexes into the text ids."""

    pairs: Pairs  # the pairs of which something counts
    events: Events  # of these users and items, by dense index; also of pairs that no longer count
    user_ids: pa.Array
    item_ids: pa.Array
    counts: Counts
    lake_version: int
    world: World

    # Several steps of a round need these, so they are kept by EARLIER_EVENTS; ``replace`` leaves them behind.
    @cached_property
    def moments(self) -> dict[int, Moments]:
        """Written by `training.in_memory.moments.moments_before`."""
        return {}

    @cached_property
    def histories(self) -> dict[int, Histories]:
        """Written by `training.in_memory.signals.event_histories`."""
        return {}


def load_arrays(
    events: Events,
    interactions: int,
    settings: TrainingSettings,
    lake_version: int,
    known_items: pa.Array | None = None,
) -> RoundArrays | None:
    """What a round learns from, by dense index; None where there is not enough.

    ``interactions`` is how many rows the lake has, with those that are not usable. ``known_items`` are the
    ids of the champion's items by index: they keep their indexes if all are still there (see
    `training.data.load`).
    """
    everything = pairs_of(events, settings, settings.positive_rating)
    pairs = everything.where(everything.counting)
    if len(pairs) < settings.train_min_events or not (pairs.strengths > 0).any():
        return None
    users = _places(pairs.users, len(events.user_ids))
    items = _places(pairs.items, len(events.item_ids))
    user_ids = events.user_ids.filter(pa.array(users != _ABSENT))
    item_ids = events.item_ids.filter(pa.array(items != _ABSENT))
    if known_items is not None:
        item_ids, items = _append_ids(known_items, item_ids, items)
    dense = _by_index(replace(pairs, users=users[pairs.users], items=items[pairs.items]))
    counts = Counts(
        users=len(user_ids),
        items=len(item_ids),
        interactions=interactions,
        pairs=len(pairs),
        ratings=int((~np.isnan(pairs.ratings)).sum()),
    )
    world = describe_world(
        counts,
        pc.mean(pc.binary_length(user_ids.take(pa.array(dense.users)))).as_py(),
        pc.mean(pc.binary_length(item_ids.take(pa.array(dense.items)))).as_py(),
        settings,
        signal_matrices=_BLEND_MATRICES if settings.ranking == "blend" else 0,
    )
    kept = _dense_events(events, users, items)
    return RoundArrays(dense, kept, user_ids, item_ids, counts, lake_version, world)


def _places(codes: NDArray[np.int32], size: int) -> NDArray[np.int32]:
    """The dense index of each code that occurs, _ABSENT for the others."""
    there = np.zeros(size, np.bool_)
    there[codes] = True
    return np.where(there, np.cumsum(there) - 1, _ABSENT).astype(np.int32)


def _append_ids(
    known: pa.Array, item_ids: pa.Array, items: NDArray[np.int32]
) -> tuple[pa.Array, NDArray[np.int32]]:
    """The known ids in their order, then the other ids; ``item_ids`` as they are if a known id is missing.

    Also returns ``items`` by the new order.
    """
    place_of_known = pc.index_in(known, value_set=item_ids)
    if place_of_known.null_count:
        return item_ids, items
    is_known = pc.is_in(item_ids, value_set=known).to_numpy(zero_copy_only=False)
    moved = np.empty(len(item_ids), np.int32)
    moved[place_of_known.to_numpy()] = np.arange(len(known), dtype=np.int32)
    moved[~is_known] = len(known) + np.arange((~is_known).sum(), dtype=np.int32)
    ids = pa.concat_arrays([known, item_ids.filter(pa.array(~is_known))])
    return ids, np.where(items == _ABSENT, _ABSENT, moved[items]).astype(np.int32)


def _by_index(pairs: Pairs) -> Pairs:
    return pairs.where(np.lexsort((pairs.items, pairs.users)))


def _dense_events(events: Events, users: NDArray[np.int32], items: NDArray[np.int32]) -> Events:
    moved = replace(events, users=users[events.users], items=items[events.items])
    kept = moved.where((moved.users != _ABSENT) & (moved.items != _ABSENT))
    order = np.lexsort((kept.items, kept.users))  # the sort is stable: types and times stay in their order
    return replace(
        kept,
        users=kept.users[order],
        items=kept.items[order],
        types=kept.types[order],
        values=kept.values[order],
        times=kept.times[order],
        event_ids=kept.event_ids.take(pa.array(order)),
    )
