"""Ranks users by the blend of the served version. Pure: arrays in, arrays out.

A blend's weights depend on how long ago the user's last event was. Here that is the time since it *arrived*,
and signals score as if it had happened then. Where it is much older than the newest event of all users, as in
a log that is imported, its user may be there or not, and the list is half as hot (`Blend.hotness_after`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from algorithms.blending.blend import MANY_ITEMS
from algorithms.blending.blend import KnownItems as LeftOut
from algorithms.blending.live import Sums, live_blend, new_item_scores
from algorithms.blending.serialization import ServedBlend
from algorithms.signals.history import UNKNOWN, Histories, bounds_of
from streaming.fold_in.by_factors import RankedLists
from streaming.fold_in.histories import KnownItems
from streaming.fold_in.model import OnlineModel
from streaming.fold_in.new_items import NewItems

Floats = NDArray[np.float64]
Integers = NDArray[np.integer[Any]]

_HOUR_MS = 3_600_000


class Arrivals(NamedTuple):
    """When the last event of each user came, and how far all events have come."""

    since_ms: NDArray[np.int64]  # (users): since it arrived
    newest_event_ms: int = 0  # the event time of the newest event of all users; 0: not known


def rank_by_blend(
    served: ServedBlend,
    model: OnlineModel,
    new_items: NewItems,
    known_items: KnownItems,
    indexes: NDArray[np.int64],
    left_out: Sequence[NDArray[np.int64]],
    arrivals: Arrivals,
    n: int,
    sums: Sums | None = None,
) -> tuple[RankedLists, Floats]:
    """The ``n`` best items of each user, and how hot each list is (records.FreshList.hotness).

    ``indexes`` are the places of the histories' items, where new items come after the model's; ``left_out``
    are the places of all items that each user has had. ``sums`` are the counts in Redis for the model's items
    and new ones (`algorithms.blending.live`); None: there is no trend.
    """
    size = len(model.index)
    new_factors = new_items.factors_of(model.factors.shape[1])
    if sums is not None or (new_factors.any() and size + len(new_factors) <= MANY_ITEMS):
        histories = signal_histories(known_items, indexes, arrivals.since_ms)
        hotness = _hotness(served, histories, arrivals)
        live = live_blend(served, sums or Sums({}), size, new_factors, new_items.placed)
        known = None if served.blend.with_known_items else _left_out(left_out, size + len(new_items.index))
        lists = RankedLists(*live.blend.rank(live.signals, histories, n, known=known, hotness=hotness))
        return lists, hotness
    of_model = np.where(indexes < size, indexes, UNKNOWN) if new_items.index else indexes
    histories = signal_histories(known_items, of_model, arrivals.since_ms)
    hotness = _hotness(served, histories, arrivals)
    known = None if served.blend.with_known_items else _left_out(left_out, size)
    best = RankedLists(*served.blend.rank(served.signals, histories, n, known=known, hotness=hotness))
    if new_items.index:
        scores = new_item_scores(served, histories, hotness, new_factors, new_items.placed)
        # An item with a score of 0 comes last, and only where the user has a list at all.
        listed = (scores > 0) | ((scores == 0) & (best.indexes[:, :1] >= 0))
        scores = np.where(listed, scores, -np.inf)
        if not served.blend.with_known_items:
            for user, places in enumerate(left_out):
                scores[user, places[places >= size] - size] = -np.inf
        best = _with_new(best, scores.astype(np.float32), size, n)
    return best, hotness


def _hotness(served: ServedBlend, histories: Histories, arrivals: Arrivals) -> Floats:
    newest_ms = histories.now_ms - arrivals.since_ms
    behind = np.maximum(arrivals.newest_event_ms - newest_ms, 0) / _HOUR_MS
    return served.blend.hotness_after(histories.hours_since_last, behind)


def signal_histories(
    known_items: KnownItems, indexes: Integers, since_arrival: NDArray[np.int64]
) -> Histories:
    """The histories that signals score: an entry for each item, and one for each of its earlier moments.

    Newest first; at one time the entry of the higher item index counts as newer, as in training.
    """
    indptr, moments = known_items.indptr, known_items.moments
    owners = np.repeat(np.arange(len(indptr) - 1), indptr[1:] - indptr[:-1])
    rows, times = np.arange(len(owners)), known_items.times
    if len(moments.rows):
        rows = np.concatenate([rows, moments.rows])
        times = np.concatenate([times, moments.times])
        owners = owners[rows]
        indptr = bounds_of(np.bincount(owners, minlength=len(indptr) - 1))
    order = np.lexsort((-indexes[rows], -times, owners))
    rows, newest_first = rows[order], times[order]
    now = since_arrival.astype(np.int64)
    filled = indptr[1:] > indptr[:-1]
    now[filled] += newest_first[indptr[:-1][filled]]
    return Histories(
        indptr=indptr,
        items=indexes[rows].astype(np.int32),
        grades=known_items.grades[rows],
        strengths=known_items.strengths[rows],
        times_ms=newest_first,
        weights=np.ones(len(rows)),
        now_ms=now,
    )


def _left_out(places: Sequence[NDArray[np.int64]], size: int) -> LeftOut:
    of_model = [each[each < size] for each in places]
    bounds = bounds_of([len(each) for each in of_model])
    return LeftOut(bounds, np.concatenate(of_model).astype(np.int32))


def _with_new(best: RankedLists, scores: NDArray[np.float32], size: int, n: int) -> RankedLists:
    """Lists with new items sorted in among the model's; at equal scores the model's items come first."""
    new = np.where(np.isneginf(scores), -1, size + np.arange(scores.shape[1]))
    indexes = np.hstack([best.indexes, new]).astype(np.int32)
    together = np.hstack([best.scores, scores])
    order = np.argsort(-together, axis=1, kind="stable")[:, :n]
    return RankedLists(np.take_along_axis(indexes, order, 1), np.take_along_axis(together, order, 1))
