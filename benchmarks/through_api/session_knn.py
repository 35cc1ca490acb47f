"""VMIS-kNN (Kersbergen, Sprangers, Schelter 2022), a simple rival for the next click of a visit.

The visits most like the present one are its neighbours. Of each item of the present visit only the newest
``most_recent`` visits are looked at. The later in the present visit the shared items were clicked, the more
alike is the other visit. Each of the ``neighbours`` best votes for all its items, more where it shares a late
click, and a vote for a rare item weighs more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from algorithms.blending.questions import Questions, next_item_questions
from algorithms.metrics import ndcg_at_k
from algorithms.signals.history import Histories

_LONGEST = 10  # clicks; a shared item further back than this has no vote in the linear form


class Settings(NamedTuple):
    """What is tuned."""

    most_recent: int = 500
    neighbours: int = 100
    linear: bool = True  # places weigh linearly, as published; else by one over the distance from the end
    rare_first: bool = True


GRID = (
    Settings(),
    Settings(rare_first=False),
    Settings(linear=False),
    Settings(neighbours=500, linear=False),
    Settings(2000, 500, linear=False),
)


class SessionKnn:
    """The visits to look among, each user of the histories being one."""

    def __init__(self, learnt: Histories, items: int, settings: Settings = GRID[0]) -> None:
        """``items`` is how many there are."""
        self._settings, self._items, self._learnt = settings, items, learnt
        kept = learnt.is_newest_of_item
        ends = np.zeros(len(learnt), np.int64)
        filled = np.diff(learnt.indptr) > 0
        ends[filled] = learnt.times_ms[learnt.indptr[:-1][filled]]
        owners, of_visit = learnt.owners[kept], learnt.items[kept]
        order = np.lexsort((-ends[owners], of_visit))
        bounds = np.searchsorted(of_visit[order], np.arange(items + 1))
        self._ends = ends
        self._visits = [
            owners[order[first:last]][: settings.most_recent].tolist() for first, last in pairwise(bounds)
        ]
        rarity = np.log(filled.sum() / np.maximum(np.diff(bounds), 1))
        self._rarity = rarity if settings.rare_first else np.ones(items)

    def lists(self, asked: Histories, n: int) -> NDArray[np.int32]:
        """(questions, n): the best items, which may be known ones; -1 where a list is short."""
        found = np.full((len(asked), n), -1, np.int32)
        for row in range(len(asked)):
            newest_first = asked.items[asked.indptr[row] : asked.indptr[row + 1]].tolist()
            scores = self._score(newest_first)
            best = np.argsort(-scores, kind="stable")[:n]
            best = best[scores[best] > 0]
            found[row, : len(best)] = best
        return found

    def _score(self, newest_first: Sequence[int]) -> NDArray[np.float64]:
        likeness: dict[int, float] = defaultdict(float)
        latest: dict[int, int] = {}
        for place, item in enumerate(newest_first):
            if item in newest_first[:place]:
                continue
            for visit in self._visits[item]:
                likeness[visit] += self._place_weight(place, len(newest_first))
                latest.setdefault(visit, place)
        by_time = sorted(likeness, key=lambda visit: -self._ends[visit])[: self._settings.most_recent]
        best = sorted(by_time, key=lambda visit: -likeness[visit])[: self._settings.neighbours]
        scores = np.zeros(self._items)
        for visit in best:
            vote = likeness[visit] * self._vote(latest[visit])
            scores[self._items_of(visit)] += vote
        return scores * self._rarity

    def _items_of(self, visit: int) -> NDArray[np.int32]:
        return np.unique(self._learnt.items[self._learnt.indptr[visit] : self._learnt.indptr[visit + 1]])

    def _place_weight(self, place: int, clicks: int) -> float:
        return (clicks - place) / clicks if self._settings.linear else 1 / (place + 1)

    def _vote(self, place: int) -> float:
        return max(0.0, 1 - place / _LONGEST) if self._settings.linear else 1 / (place + 1)


def tune(learnt: Histories, items: int, from_ms: int, k: int, limit: int = 500) -> Settings:
    """The settings that rank the next items of visits after an instant best, learnt from those before it."""
    begun = np.full(len(learnt), np.iinfo(np.int64).max)
    np.minimum.at(begun, learnt.owners, learnt.times_ms)
    is_later = begun[learnt.owners] >= from_ms
    questions = next_item_questions(learnt, is_later, limit=limit)
    earlier = learnt.where(~is_later)
    return max(GRID, key=lambda each: _quality(SessionKnn(earlier, items, each), questions, k))


def _quality(model: SessionKnn, questions: Questions, k: int) -> Any:
    return ndcg_at_k(model.lists(questions.histories, k), questions.positives, k).mean()
