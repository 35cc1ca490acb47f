"""Factors: the product of a user's folded-in factors with those of each item (``algorithms/fold_in.py``)."""

from __future__ import annotations

from dataclasses import dataclass
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
    """An implicit ALS model. An item whose factors are all zero is unknown to it, and scores 0."""

    item_factors: NDArray[np.float32]  # (items, rank)
    reg_param: float
    alpha: float
    nonnegative: bool = False
    half_life: float = 20.0  # of the history, in entries; 0 is off
    given_gramian: Floats | None = None

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

    def user_factors(self, histories: Histories) -> NDArray[np.float32]:
        """(users, rank): the exact solution for the histories, whose older entries weigh less."""
        kept = self._select_entries(histories)
        entries = histories.where(kept)
        return fold_in(
            self.item_factors,
            entries.indptr,
            entries.items,
            entries.strengths,
            reg_param=self.reg_param,
            alpha=self.alpha,
            nonnegative=self.nonnegative,
            gramian=self.gramian,
            confidence_weights=self._recency_weights(entries),
        )

    def score(self, histories: Histories) -> Floats:
        """(users, items)."""
        return products(self.user_factors(histories), self.item_factors)

    def explain(self, history: Histories, targets: NDArray[np.integer[Any]]) -> Floats:
        """(targets, entries); all zero for a nonnegative model, where users are not a sum over entries."""
        shares = np.zeros((len(targets), len(history.items)))
        if self.nonnegative:
            return shares
        kept = self._select_entries(history)
        entries = history.where(kept)
        shares[:, kept] = contributions(
            self.item_factors[entries.items],
            entries.strengths,
            self.item_factors[targets],
            gramian=self.gramian,
            reg_param=self.reg_param,
            alpha=self.alpha,
            confidence_weights=self._recency_weights(entries),
        )
        return shares

    def _select_entries(self, histories: Histories) -> NDArray[np.bool_]:
        return histories.is_newest_of_item & self.lists.is_fitted[histories.items]

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
