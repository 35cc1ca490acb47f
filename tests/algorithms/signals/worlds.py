"""Small worlds of events for the tests of signals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from algorithms.signals.history import Histories, from_events

HOUR, DAY = 3_600_000, 86_400_000
Events = Sequence[tuple[int, int, int]]  # (user, item, time in ms)


def of_events(events: Events, users: int, grades: Sequence[float] | None = None) -> Histories:
    """Histories of events given one by one."""
    columns = np.array(events, np.int64).reshape(-1, 3)
    given = None if grades is None else np.array(grades, np.float64)
    return from_events(
        columns[:, 0], columns[:, 1], columns[:, 2], user_count=users, grades=given, strengths=given
    )


def random_histories(seed: int = 0, users: int = 30, items: int = 12, events: int = 300) -> Histories:
    """Events by chance, some at one moment, some of one item twice."""
    rng = np.random.default_rng(seed)
    return from_events(
        rng.integers(0, users, events),
        rng.integers(0, items, events),
        rng.integers(0, 40, events) * 1000,
        user_count=users,
        grades=rng.choice([-0.3, 0.3, 1.0, 1.2], events),
        strengths=rng.choice([-0.5, 1.0, 2.0], events),
    )


def shop(seed: int = 0, users: int = 150, items: int = 80, baskets: int = 12) -> Histories:
    """Users who buy each week, mostly again from a few favourites of their own."""
    rng, events = np.random.default_rng(seed), []
    popularity = 1 / np.arange(1, items + 1)
    popularity /= popularity.sum()
    for user in range(users):
        favourites = rng.choice(items, 5, replace=False, p=popularity)
        for basket in range(baskets):
            moment = basket * 7 * DAY + int(rng.integers(0, DAY))
            bought = rng.choice(favourites, 2, replace=False).tolist()
            bought.append(int(rng.choice(items, p=popularity)))
            events += [(user, item, moment) for item in bought]
    return of_events(events, users)


def sessions(seed: int = 0, users: int = 150, items: int = 60, clicks: int = 14) -> Histories:
    """Users who click through chains of items: 0, 1, 2, ... from anywhere, with a jump now and then."""
    rng, events = np.random.default_rng(seed), []
    for user in range(users):
        item, moment = int(rng.integers(0, items)), int(rng.integers(0, 30)) * DAY
        for _ in range(clicks):
            events.append((user, item, moment))
            item = (item + 1) % items if rng.random() < 0.7 else int(rng.integers(0, items))
            moment += 20_000
    return of_events(events, users)
