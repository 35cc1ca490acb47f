"""Accuracy metrics of predictions and ranked lists: pure functions, and a table of the ranking metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Lists = NDArray[np.int32]
_MOST_CELLS = 2**26  # users x items, up to which positives are looked up in a table of 64 MiB


class Positives(NamedTuple):
    """The distinct items that each user turned out to like, as CSR (see ``top_n``), new to the user."""

    indptr: NDArray[np.int64]
    indices: NDArray[np.int32]

    @property
    def counts(self) -> NDArray[np.int64]:
        """How many each user has. Users with none are left out of every mean."""
        return np.diff(self.indptr)


# (lists, positives, k) -> one value a user, NaN for a user without positives. Lists are (users, items),
# best first, -1 where a list is short, no item twice; what lies beyond the first k does not count.
RankingMetric = Callable[[Lists, Positives, int], Values]


def rmse(truth: Values, predicted: Values) -> float:
    """Root of the mean squared error. Raises ValueError when there is nothing to measure."""
    return float(np.sqrt(np.mean(_errors(truth, predicted) ** 2)))


def mae(truth: Values, predicted: Values) -> float:
    """Mean absolute error. Raises ValueError when there is nothing to measure."""
    return float(np.mean(np.abs(_errors(truth, predicted))))


def r2(truth: Values, predicted: Values) -> float:
    """1 - squared errors / squared deviations of the truth from its own mean; may be negative.

    Where all of the truth is one value: 1 for a perfect prediction, else 0 (scikit-learn's convention).
    Raises ValueError when there is nothing to measure.
    """
    residual = float(np.sum(_errors(truth, predicted) ** 2))
    if np.min(truth) == np.max(truth):
        return 1.0 if residual == 0.0 else 0.0
    return 1.0 - residual / float(np.sum((truth - np.mean(truth, dtype=np.float64)) ** 2))


def precision_at_k(lists: Lists, positives: Positives, k: int) -> Values:
    """Hits / k, also for a list with fewer than k items."""
    return _over(hits_at_k(lists, positives, k).sum(axis=1), np.full(len(lists), float(k)), positives)


def recall_at_k(lists: Lists, positives: Positives, k: int) -> Values:
    """Hits / number of positives, not capped at k."""
    return _over(hits_at_k(lists, positives, k).sum(axis=1), positives.counts, positives)


def ndcg_at_k(lists: Lists, positives: Positives, k: int) -> Values:
    """DCG / ideal DCG with binary gain: a hit at rank r (from 1) counts 1 / log2(r + 1)."""
    hits = hits_at_k(lists, positives, k)
    return _over(hits @ _discounts(k)[: hits.shape[1]], ideal_dcg(positives.counts, k), positives)


def ideal_dcg(counts: NDArray[np.int64], k: int) -> Values:
    """The DCG of lists of k items that begin with all positives; ``counts``: how many each has."""
    return np.concatenate([[0.0], np.cumsum(_discounts(k))])[np.minimum(counts, k)]


def _discounts(k: int) -> Values:
    return 1.0 / np.log2(np.arange(2, k + 2))


def average_precision_at_k(lists: Lists, positives: Positives, k: int) -> Values:
    """The mean over hits of the precision at their rank, missed ones as 0: / min(k, number of positives)."""
    hits = hits_at_k(lists, positives, k)
    precision = np.cumsum(hits, axis=1) / np.arange(1, hits.shape[1] + 1)
    return _over((precision * hits).sum(axis=1), np.minimum(positives.counts, k), positives)


def reciprocal_rank_at_k(lists: Lists, positives: Positives, k: int) -> Values:
    """1 / rank of the first hit, 0 without one."""
    hits = hits_at_k(lists, positives, k)
    first = (hits / np.arange(1, hits.shape[1] + 1)).max(axis=1, initial=0.0)
    return _over(first, np.ones(len(lists)), positives)


def hit_rate_at_k(lists: Lists, positives: Positives, k: int) -> Values:
    """1 where there is a hit, else 0."""
    hit = hits_at_k(lists, positives, k).max(axis=1, initial=0.0)
    return _over(hit, np.ones(len(lists)), positives)


def mean_ranking_metrics(lists: Lists, positives: Positives, k: int) -> dict[str, float]:
    """The plain mean of every ranking metric over the users with positives, named like "ndcg@10".

    Empty when no user has any. Raises ValueError for k < 1.
    """
    evaluated = positives.counts > 0
    if not evaluated.any():
        return {}
    return {
        f"{name}@{k}": float(metric(lists, positives, k)[evaluated].mean())
        for name, metric in RANKING_METRICS
    }


def _errors(truth: Values, predicted: Values) -> Values:
    if len(truth) == 0:
        raise ValueError("no predictions to measure; hold out more ratings")
    return np.asarray(predicted, np.float64) - np.asarray(truth, np.float64)


def hits_at_k(lists: Lists, positives: Positives, k: int) -> Values:
    """1.0 where a list's place holds a positive of its user; (users, min(k, list length))."""
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    listed = lists[:, :k].astype(np.int64)
    # One number for each pair of user and item, so that all users are looked up in one pass.
    items = 1 + max(int(listed.max(initial=0)), int(positives.indices.max(initial=0)))
    owners = np.repeat(np.arange(len(lists)), positives.counts)
    wanted, cells = owners * items + positives.indices, np.arange(len(lists))[:, None] * items + listed
    if len(lists) * items > _MOST_CELLS:
        liked = np.isin(cells, wanted)
    else:
        is_wanted = np.zeros(len(lists) * items, np.bool_)
        is_wanted[wanted] = True
        liked = is_wanted[cells]  # -1 in a list looks up another cell, and counts nowhere
    return (liked & (listed >= 0)).astype(np.float64)


def _over(amount: Values, whole: Values | NDArray[np.int64], positives: Positives) -> Values:
    values: Values = np.full(len(amount), np.nan)
    return np.divide(amount, whole, out=values, where=positives.counts > 0)


# To add a ranking metric, write its function above and name it here.
RANKING_METRICS: tuple[tuple[str, RankingMetric], ...] = (
    ("precision", precision_at_k),
    ("recall", recall_at_k),
    ("ndcg", ndcg_at_k),
    ("map", average_precision_at_k),
    ("mrr", reciprocal_rank_at_k),
    ("hit_rate", hit_rate_at_k),
)
