"""A simulated shop window: anonymous visits of a few clicks within minutes, and no visitor is seen twice.

Items belong to subjects. Each item has some items to which visitors usually go on, most of them of its own
subject. A visit begins at an item that is popular on that day. Each next click goes on from the item that is
looked at, or from an earlier one, goes back to an item of the visit, or begins again at a popular item.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ingest.simulated.shop import START_MS, Floats, softmax

DAY_MS = 24 * 3_600_000
_ITEMS_OF_SUBJECT = 40
_FOLLOWERS, _OWN_SUBJECT = 12, 0.8  # of an item, and the share of them that are of its own subject
_STEEPNESS = 1.2  # the k-th follower of an item is followed in proportion to k^-1.2
_POPULARITY_EXPONENT, _SWING = 0.9, 1.0  # how far the logarithm of an item's popularity swings over the days
# What the next click does; what is left begins again at a popular item.
_GOES_ON, _GOES_ON_FROM_EARLIER, _GOES_BACK = 0.5, 0.15, 0.2
_MEAN_STEPS_BACK = 1.5  # 0: the item that is looked at is opened again
_LEAVES = 0.3  # the chance to leave after each click from the second one on
_MOST_CLICKS = 30
_MEAN_PAUSE_MS = 40_000


@dataclass(frozen=True)
class Clicks:
    """All clicks, as parallel arrays in time order; visits and items are numbered from 0."""

    visits: NDArray[np.int32]
    items: NDArray[np.int32]
    times_ms: NDArray[np.int64]


@dataclass(frozen=True)
class ClickWorld:
    """The same size and seed give the same clicks."""

    visits: int = 10_000
    items: int = 1500
    days: int = 10
    seed: int = 42

    def clicks(self) -> Clicks:
        """All clicks of all visits."""
        rng = np.random.default_rng([self.seed, 1])
        starts = np.sort(rng.integers(0, self.days * DAY_MS, self.visits))
        popular = [self._popular(day) for day in range(self.days)]
        first = [rng.choice(self.items, p=popular[day]) for day in (starts // DAY_MS).tolist()]
        columns: list[tuple[int, int, int]] = []
        for visit, (start, item) in enumerate(zip(starts.tolist(), first, strict=True)):
            seen, moment = [int(item)], START_MS + start
            columns.append((visit, seen[0], moment))
            while len(seen) < _MOST_CLICKS and (len(seen) == 1 or rng.random() >= _LEAVES):
                seen.append(self._next(seen, popular[start // DAY_MS], rng))
                moment += 1000 + int(rng.exponential(_MEAN_PAUSE_MS))
                columns.append((visit, seen[-1], moment))
        visits, items, times = np.array(columns, np.int64).reshape(-1, 3).T
        order = np.argsort(times, kind="stable")
        return Clicks(visits[order].astype(np.int32), items[order].astype(np.int32), times[order])

    def _next(self, seen: list[int], popular: Floats, rng: np.random.Generator) -> int:
        drawn = rng.random()
        if drawn < _GOES_ON:
            return self._follower(seen[-1], rng)
        drawn -= _GOES_ON
        if drawn < _GOES_ON_FROM_EARLIER:
            return self._follower(seen[int(rng.integers(len(seen)))], rng)
        if drawn < _GOES_ON_FROM_EARLIER + _GOES_BACK:
            return seen[-1 - min(len(seen) - 1, int(rng.exponential(_MEAN_STEPS_BACK)))]
        return int(rng.choice(self.items, p=popular))

    def _follower(self, item: int, rng: np.random.Generator) -> int:
        chances = np.arange(1, _FOLLOWERS + 1) ** -_STEEPNESS
        return int(self._followers[item, rng.choice(_FOLLOWERS, p=chances / chances.sum())])

    @cached_property
    def _followers(self) -> NDArray[np.int64]:
        """(items, followers): where visitors go on from each item, the most usual first."""
        rng = np.random.default_rng([self.seed, 2])
        weights = softmax(self._appeal)
        subjects = np.arange(self.items) % max(1, self.items // _ITEMS_OF_SUBJECT)
        rows = []
        for item in range(self.items):
            is_own = subjects == subjects[item]
            related = _OWN_SUBJECT * is_own * np.sqrt(weights) / np.sqrt(weights[is_own]).sum()
            chances = related + (1 - _OWN_SUBJECT) * weights
            chances[item] = 0.0
            rows.append(rng.choice(self.items, _FOLLOWERS, replace=False, p=chances / chances.sum()))
        return np.array(rows)

    @cached_property
    def _appeal(self) -> Floats:
        """(items): the logarithm of each item's popularity over all days."""
        rng = np.random.default_rng([self.seed, 3])
        return np.asarray(-_POPULARITY_EXPONENT * np.log(rng.permutation(self.items) + 1.0))

    def _popular(self, day: int) -> Floats:
        rng = np.random.default_rng([self.seed, 4])
        phase, period = rng.uniform(0, 2 * np.pi, self.items), rng.uniform(5, 12, self.items)
        return softmax(self._appeal + _SWING * np.sin(phase + 2 * np.pi * day / period))
