"""A simulated shop: users come about once a week and mostly buy what they have bought before.

Each user has staples, each with its own chance to be in a basket, and also tries items that are popular this
week. Now and then a tried item becomes a staple, or a staple is given up. The popularity of items changes by
the week.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
START_MS = 1_735_689_600_000  # 2025-01-01 UTC
WEEK_MS = 7 * 24 * 3_600_000
_MEAN_STAPLES = 7
_COMES = 0.8  # the chance that a user comes in a given week
_MEAN_TRIED = 2.5  # mean number of items in a basket that are not staples
_BECOMES_STAPLE, _IS_GIVEN_UP = 0.08, 0.01
_POPULARITY_EXPONENT = 1.1
_SWING = 1.0  # how far the logarithm of an item's popularity swings over the weeks


@dataclass(frozen=True)
class Purchases:
    """What was bought, as parallel arrays in time order; users and items are numbered from 0.

    All items of one basket have the same time.
    """

    users: NDArray[np.int32]
    items: NDArray[np.int32]
    times_ms: NDArray[np.int64]


@dataclass(frozen=True)
class ShopWorld:
    """The same size and seed give the same purchases."""

    users: int = 300
    items: int = 500
    weeks: int = 20
    seed: int = 42

    def purchases(self) -> Purchases:
        """All baskets of all users."""
        rng = np.random.default_rng(self.seed)
        base = -_POPULARITY_EXPONENT * np.log(rng.permutation(self.items) + 1.0)
        phase, period = rng.uniform(0, 2 * np.pi, self.items), rng.uniform(6, 14, self.items)
        columns: list[tuple[int, int, int]] = []
        staples = [self._first_staples(base, rng) for _ in range(self.users)]
        visits = rng.uniform(0, WEEK_MS * 0.9, self.users)  # each user comes at a fixed hour of the week
        for week in range(self.weeks):
            chances = softmax(base + _SWING * np.sin(phase + 2 * np.pi * week / period))
            for user in np.flatnonzero(rng.random(self.users) < _COMES).tolist():
                basket = self._basket(staples[user], chances, rng)
                start = START_MS + week * WEEK_MS + int(visits[user]) + int(rng.normal(0, 3_600_000))
                columns += [(user, item, start) for item in basket]
        users, items, times = np.array(columns, np.int64).reshape(-1, 3).T
        order = np.argsort(times, kind="stable")
        return Purchases(users[order].astype(np.int32), items[order].astype(np.int32), times[order])

    def _first_staples(self, base: Floats, rng: np.random.Generator) -> dict[int, float]:
        many = min(self.items, 2 + int(rng.poisson(_MEAN_STAPLES - 2)))
        chosen = rng.choice(self.items, many, replace=False, p=softmax(base / 2))
        return dict(zip(chosen.tolist(), rng.beta(1.2, 4.0, many).tolist(), strict=True))

    def _basket(self, staples: dict[int, float], chances: Floats, rng: np.random.Generator) -> list[int]:
        """Draw the items of one basket, in any order, and change the user's staples."""
        basket = [item for item, chance in staples.items() if rng.random() < chance]
        tried = rng.choice(self.items, int(rng.poisson(_MEAN_TRIED)), p=chances).tolist()
        basket += [item for item in dict.fromkeys(tried) if item not in basket]
        for item in [each for each in staples if rng.random() < _IS_GIVEN_UP]:
            del staples[item]
        for item in basket:
            if item not in staples and rng.random() < _BECOMES_STAPLE:
                staples[item] = float(rng.beta(1.2, 4.0))
        return [basket[place] for place in rng.permutation(len(basket)).tolist()]


def softmax(logits: Floats) -> Floats:
    """Probabilities proportional to the exponentials of the logits; the same shape."""
    raised = np.exp(logits - logits.max())
    return np.asarray(raised / raised.sum())
