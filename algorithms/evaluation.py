"""All figures of one set of lists, with intervals, and by segments of users and items."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from algorithms.bootstrap import Figure, figures_of_all, mean_figures
from algorithms.list_metrics import CATALOGUE_METRICS, USER_METRICS, Catalogue
from algorithms.metrics import RANKING_METRICS, Lists, Positives, Values

# By how many interactions of a user the model was trained on: from, to.
USER_SEGMENTS: tuple[tuple[str, int, float], ...] = (
    ("cold users", 0, 0),
    ("light users", 1, 20),
    ("heavy users", 21, np.inf),
)
HEAD = 0.2  # the most popular fifth of the catalogue is its head, the rest its tail


@dataclass(frozen=True)
class Measured:
    """Figures named like "ndcg@10", and the values of the users behind those that are means."""

    figures: dict[str, Figure]
    per_user: dict[str, Values]


def measure(
    lists: Lists, positives: Positives, catalogue: Catalogue, k: int, resamples: int, seed: int = 0
) -> Measured:
    """Every metric of the tables over users with positives. Raises ValueError when there is none."""
    if not (positives.counts > 0).any():
        raise ValueError("no user has a held-out positive: hold out more, or lower POSITIVE_RATING")
    per_user = {f"{name}@{k}": metric(lists, positives, k) for name, metric in RANKING_METRICS}
    per_user |= {f"{name}@{k}": metric(lists, positives, catalogue, k) for name, metric in USER_METRICS}
    evaluated = positives.counts > 0
    values = np.column_stack(list(per_user.values()))[evaluated]
    figures = dict(zip(per_user, mean_figures(values, resamples, seed), strict=True))
    shown = lists[evaluated, :k]
    of_all = figures_of_all(partial(_measure_drawn, shown, catalogue), len(shown), resamples // 10, seed)
    figures |= {f"{name}@{k}": figure for (name, _), figure in zip(CATALOGUE_METRICS, of_all, strict=True)}
    return Measured(figures, per_user)


def _measure_drawn(shown: Lists, catalogue: Catalogue, users: NDArray[np.int64]) -> Values:
    chosen = shown[users]
    counts = np.bincount(chosen[chosen >= 0], minlength=len(catalogue.users)).astype(np.float64)
    return np.array([metric(counts, catalogue) for _, metric in CATALOGUE_METRICS])


def segments(
    lists: Lists, positives: Positives, catalogue: Catalogue, past_sizes: NDArray[np.int64]
) -> Iterator[tuple[str, Lists, Positives]]:
    """(name, lists, positives) of each segment that has positives; ``past_sizes`` (users,): how many
    interactions of each user the model was trained on."""
    for name, low, high in USER_SEGMENTS:
        users = np.flatnonzero((past_sizes >= low) & (past_sizes <= high) & (positives.counts > 0))
        if len(users):
            yield name, lists[users], of_users(positives, users)
    is_head = head_items(catalogue)
    for name, items in (("head items", is_head), ("tail items", ~is_head)):
        kept = of_items(positives, items)
        if len(kept.indices):
            yield name, lists, kept


def head_items(catalogue: Catalogue) -> NDArray[np.bool_]:
    """The most popular fifth of the items that anybody had."""
    known = int((catalogue.users > 0).sum())
    order = np.argsort(-catalogue.users, kind="stable")
    head = np.zeros(len(catalogue.users), np.bool_)
    head[order[: int(np.ceil(HEAD * known))]] = True
    return head


def of_users(positives: Positives, users: NDArray[np.int64]) -> Positives:
    """The positives of some users, in that order."""
    rows = [positives.indices[positives.indptr[u] : positives.indptr[u + 1]] for u in users]
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    return Positives(indptr, np.concatenate([*rows, np.empty(0, np.int32)]).astype(np.int32))


def of_items(positives: Positives, items: NDArray[np.bool_]) -> Positives:
    """The positives among some items only."""
    kept = items[positives.indices]
    before = np.concatenate([[0], np.cumsum(kept)]).astype(np.int64)
    return Positives(before[positives.indptr], positives.indices[kept])
