"""Metrics of lists beside accuracy: coverage of the catalogue, novelty, diversity, serendipity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from algorithms.metrics import Lists, Positives, Values, hits_at_k


class Catalogue(NamedTuple):
    """What the training part knows of the items, by index."""

    users: NDArray[np.int64]  # (items,) how many users each has had; 0: not in the catalogue
    popular: Lists  # (users, k) what popularity would have listed for each measured user
    vectors: NDArray[np.float32]  # (items, d); like items point the same way, zero for unknown ones


# The form of each metric below: (lists, positives, catalogue, k) -> one value a user, NaN for no value.


def novelty(lists: Lists, positives: Positives, catalogue: Catalogue, k: int) -> Values:
    """Mean of -log2 of the listed items' share of all interactions (Zhou et al. 2010: self-information)."""
    shares = np.maximum(catalogue.users, 1) / max(1, int(catalogue.users.sum()))
    return _mean_listed(-np.log2(shares), lists[:, :k])


def intra_list_diversity(lists: Lists, positives: Positives, catalogue: Catalogue, k: int) -> Values:
    """1 - mean cosine over the pairs of a list (Ziegler et al. 2005); NaN for fewer than two items."""
    lengths = np.linalg.norm(catalogue.vectors, axis=1, keepdims=True)
    directions = catalogue.vectors / np.where(lengths > 0, lengths, 1)
    listed = lists[:, :k]
    there = (listed >= 0)[:, :, None]
    chosen = directions[np.maximum(listed, 0)] * there
    # The sum over all pairs of a list is the square of the sum, less that of each with itself.
    together = (chosen.sum(axis=1) ** 2).sum(axis=1) - (chosen**2).sum(axis=(1, 2))
    count = there.sum(axis=(1, 2)).astype(float)
    pairs = count * (count - 1)
    return _divide(pairs - together, pairs)


def serendipity(lists: Lists, positives: Positives, catalogue: Catalogue, k: int) -> Values:
    """Hits that popularity would not have listed, / k (after Ge et al. 2010)."""
    hits = hits_at_k(lists, positives, k)
    listed, popular = lists[:, :k], catalogue.popular[:, :k]
    expected = (listed[:, :, None] == popular[:, None, :]).any(axis=2)
    value = (hits * ~expected).sum(axis=1) / k
    return np.where(positives.counts > 0, value, np.nan)


# The form of each metric below: (how often each item is listed, catalogue) -> one value of all lists.


def coverage(listed: Values, catalogue: Catalogue) -> float:
    """Distinct listed items of the catalogue / the catalogue."""
    known = catalogue.users > 0
    return float((known & (listed > 0)).sum() / max(1, known.sum()))


def gini(listed: Values, catalogue: Catalogue) -> float:
    """How unequally the catalogue's items are listed: 0 all alike, towards 1 few only."""
    counts = np.sort(listed[catalogue.users > 0])
    total, n = float(counts.sum()), len(counts)
    if not total:
        return 0.0
    return float((2 * np.arange(1, n + 1) - n - 1) @ counts / (n * total))


def _mean_listed(of_item: Values, listed: Lists) -> Values:
    there = listed >= 0
    sums, counts = (of_item[np.maximum(listed, 0)] * there).sum(axis=1), there.sum(axis=1)
    return _divide(sums, counts)


def _divide(amount: Values, whole: NDArray[Any]) -> Values:
    values: Values = np.full(len(amount), np.nan)
    np.divide(amount, whole, out=values, where=whole > 0)
    return values


UserMetric = Callable[[Lists, Positives, Catalogue, int], Values]
CatalogueMetric = Callable[[Values, Catalogue], float]
# To add a metric, write its function above and name it here: of each user's list, or of all lists.
USER_METRICS: tuple[tuple[str, UserMetric], ...] = (
    ("novelty", novelty),
    ("diversity", intra_list_diversity),
    ("serendipity", serendipity),
)
CATALOGUE_METRICS: tuple[tuple[str, CatalogueMetric], ...] = (("coverage", coverage), ("gini", gini))
