"""Ranks users by their factors alone, solved exactly from their histories. Pure: arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from algorithms.fold_in import UNKNOWN, fold_in
from algorithms.neighbours.product_scan import FactorLists
from algorithms.recency import recency_weights
from algorithms.signals.history import bounds_of
from contracts.settings import FoldInSettings
from streaming.fold_in.histories import KnownItems
from streaming.fold_in.model import OnlineModel
from streaming.fold_in.new_items import NewItems


class RankedLists(NamedTuple):
    """Lists of several users, best first: (users, n); -1 and -inf where a list is shorter."""

    indexes: NDArray[np.int32]
    scores: NDArray[np.float32]


def user_factors(
    model: OnlineModel,
    new_items: NewItems,
    histories: KnownItems,
    indexes: NDArray[np.int64],
    settings: FoldInSettings,
) -> NDArray[np.float32]:
    """(users, rank): the users' factors. ``indexes`` are the places of the histories' items."""
    fixed, places = np.asarray(model.factors), indexes
    if new_items.index:
        touched, rows = np.unique(indexes, return_inverse=True)
        fixed = _factors(model, new_items, touched)
        # `touched` begins with UNKNOWN where there is one: its row is left out.
        places = np.where(indexes == UNKNOWN, UNKNOWN, rows)
    weights = recency_weights(
        histories.indptr,
        histories.times,
        half_life_items=settings.fold_half_life_items,
        half_life_days=settings.fold_half_life_days,
    )
    return fold_in(
        fixed,
        histories.indptr,
        places,
        histories.strengths,
        reg_param=model.reg_param,
        alpha=model.alpha,
        nonnegative=model.nonnegative,
        gramian=model.gramian,
        confidence_weights=weights,
    )


def item_places(model: OnlineModel, new_items: NewItems, items: Sequence[bytes]) -> NDArray[np.int64]:
    """The place of each item: in the model, or for a new item after the model's items, or UNKNOWN."""
    known, place, new_place = len(model.index), model.index.get, new_items.index.get
    if not new_items.index:
        return np.fromiter(map(place, items, repeat(UNKNOWN)), np.int64, len(items))
    return np.array([place(item, known + new_place(item, UNKNOWN - known)) for item in items], np.int64)


def _factors(model: OnlineModel, new_items: NewItems, indexes: NDArray[np.int64]) -> NDArray[np.float32]:
    """The factors of these items only, since the model's factors stay on disk."""
    rows = np.zeros((len(indexes), model.factors.shape[1]), np.float32)
    old = (indexes >= 0) & (indexes < len(model.index))
    rows[old] = model.factors[indexes[old]]
    new = indexes >= len(model.index)
    if new.any():
        rows[new] = new_items.factors[indexes[new] - len(model.index)]
    return rows


def known_places(
    model: OnlineModel,
    new_items: NewItems,
    histories: KnownItems,
    indexes: NDArray[np.int64],
    further: Sequence[Sequence[bytes]],
) -> list[NDArray[np.int64]]:
    """For each user the indexes of all known items that have a factor."""
    known = []
    for user, more in enumerate(further):
        user_items = indexes[histories.indptr[user] : histories.indptr[user + 1]]
        if more:
            user_items = item_places(model, new_items, more)
        known.append(user_items[user_items != UNKNOWN])
    return known


def rank_by_factors(
    model: OnlineModel,
    new_items: NewItems,
    vectors: NDArray[np.float32],
    known: Sequence[NDArray[np.int64]],
    n: int,
) -> RankedLists:
    """The n best of all items with a factor, for each user, without the known ones.

    A user whose factors are all zero cannot be ranked for: no list, so the next strategy answers.
    """
    size = len(model.index)
    best = _best(model.lists, vectors, [indexes[indexes < size] for indexes in known], n)
    if new_items.index:
        newer = [indexes[indexes >= size] - size for indexes in known]
        fresh = _best(FactorLists(new_items.factors), vectors, newer, n)
        scores = np.hstack([best.scores, fresh.scores])
        indexes = np.hstack([best.indexes, np.where(fresh.indexes < 0, -1, fresh.indexes + size)])
        order = np.argsort(-scores, axis=1, kind="stable")[:, :n]
        best = RankedLists(np.take_along_axis(indexes, order, 1), np.take_along_axis(scores, order, 1))
    return best


def _best(
    lists: FactorLists, vectors: NDArray[np.float32], known: Sequence[NDArray[np.int64]], n: int
) -> RankedLists:
    indptr = bounds_of([len(indexes) for indexes in known])
    return RankedLists(*lists.best(vectors, indptr, np.concatenate(known).astype(np.int32), n))
