"""Factors: the product of a user's folded-in factors with those of each item (``algorithms/fold_in.py``)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from algorithms.explanation import contributions
from algorithms.fold_in import fold_in, gramian
from algorithms.neighbours.product_scan import FactorLists
from algorithms.signals.history import Histories

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Factors:
    """An implicit ALS model. An item whose factors are all zero is unknown to it, and scores 0.

    ``new_factors`` (new items, rank) are of items after the model's, which have places after those.
    """

    item_factors: NDArray[np.float32]  # (items, rank)
    reg_param: float
    alpha: float
    nonnegative: bool = False
    half_life: float = 20.0  # of the history, in entries; 0 is off
    given_gramian: Floats | None = None
    new_factors: NDArray[np.float32] | None = None
    # With new items, several signals of a blend ask for the same users: the last ones and their factors.
    _last: list[tuple[Histories, NDArray[np.float32]]] = field(
        default_factory=list, init=False, repr=False, compare=False
    )

    @cached_property
    def gramian(self) -> Floats:
        """The Gramian of the item factors, (rank, rank), which the equations of all users contain."""
        return gramian(self.item_factors) if self.given_gramian is None else self.given_gramian

    @cached_property
    def column_sums(self) -> Floats:
        """(rank): the sums of the item factors."""
        return np.asarray(self.item_factors.sum(axis=0, dtype=np.float64))

    @cached_property
    def lists(self) -> FactorLists:
        """Makes lists by these item factors alone."""
        return FactorLists(self.item_factors)

    def with_new(self, new_factors: NDArray[np.float32]) -> Factors:
        """The same model with these new items after its own."""
        return replace(self, given_gramian=self.gramian, new_factors=new_factors)

    def user_factors(self, histories: Histories) -> NDArray[np.float32]:
        """(users, rank): the exact solution for the histories, whose older entries weigh less."""
        if self.new_factors is None:
            return self._solve(histories)
        for known, vectors in self._last[:1]:  # a copy, because other threads ask as well
            if known is histories:
                return vectors
        vectors = self._solve(histories)
        self._last[:] = [(histories, vectors)]
        return vectors

    def _solve(self, histories: Histories) -> NDArray[np.float32]:
        entries = histories.where(self._select_entries(histories))
        fixed = self.item_factors
        places: NDArray[np.integer[Any]] = entries.items
        if self.new_factors is not None and (places >= len(fixed)).any():
            touched, places = np.unique(places, return_inverse=True)
            fixed = self._rows(touched)
        return fold_in(
            fixed,
            entries.indptr,
            places,
            entries.strengths,
            reg_param=self.reg_param,
            alpha=self.alpha,
            nonnegative=self.nonnegative,
            gramian=self.gramian,
            confidence_weights=self._recency_weights(entries),
        )

    def score(self, histories: Histories) -> Floats:
        """(users, items and new items)."""
        vectors = self.user_factors(histories)
        if self.new_factors is None:
            return products(vectors, self.item_factors)
        return np.hstack([products(vectors, each) for each in (self.item_factors, self.new_factors)])

    def explain(self, history: Histories, targets: NDArray[np.integer[Any]]) -> Floats:
        """(targets, entries); all zero for a nonnegative model, where users are not a sum over entries."""
        shares = np.zeros((len(targets), len(history.items)))
        if self.nonnegative:
            return shares
        kept = self._select_entries(history)
        entries = history.where(kept)
        shares[:, kept] = contributions(
            self._rows(entries.items),
            entries.strengths,
            self._rows(targets),
            gramian=self.gramian,
            reg_param=self.reg_param,
            alpha=self.alpha,
            confidence_weights=self._recency_weights(entries),
        )
        return shares

    def _rows(self, places: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """(places, rank): the factors of items and new items."""
        if self.new_factors is None:
            return np.asarray(self.item_factors[places])
        is_new = places >= len(self.item_factors)
        rows: NDArray[np.float32] = self.item_factors[np.where(is_new, 0, places)]
        rows[is_new] = self.new_factors[places[is_new] - len(self.item_factors)]
        return rows

    def _select_entries(self, histories: Histories) -> NDArray[np.bool_]:
        is_fitted = self.lists.is_fitted
        if self.new_factors is None:
            return histories.is_newest_of_item & is_fitted[histories.items]
        is_new = histories.items >= len(is_fitted)
        fitted = is_fitted[np.where(is_new, 0, histories.items)]
        new_items = histories.items[is_new] - len(is_fitted)
        fitted[is_new] = np.asarray(self.new_factors.any(axis=1))[new_items]
        return histories.is_newest_of_item & fitted

    def _recency_weights(self, entries: Histories) -> Floats:
        """As `algorithms.recency.recency_weights`, for entries that are already ordered newest first."""
        return 2.0 ** -(entries.newer / self.half_life) if self.half_life else np.ones(len(entries.items))


def products(vectors: NDArray[np.float32], item_factors: NDArray[np.float32]) -> Floats:
    """(users, items): the product of each user's factors with those of each item."""
    scores = np.empty((len(vectors), len(item_factors)))
    # One product for each user: a product for several rounds differently, and a list must not depend on
    # other users.
    for row, vector in enumerate(vectors):
        scores[row] = item_factors @ vector
    return scores
