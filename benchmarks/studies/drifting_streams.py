"""Streams of events of a known level: steady, changed at once, slowly, or back and forth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
BURST = 8  # equal events that one user makes in a row, so that events are not independent
_SPREAD = 4.0  # how close users are to the level: the smaller, the more they differ


def bursts(rng: np.random.Generator, level: Array) -> Array:
    """0 or 1 for each event, shape (events,); users differ, and each makes BURST events in a row."""
    of_user = np.clip(level[::BURST], 1e-6, 1 - 1e-6)
    chance = rng.beta(of_user * _SPREAD, (1 - of_user) * _SPREAD)
    drawn = rng.random((len(of_user), BURST)) < chance[:, None]
    return drawn.reshape(-1)[: len(level)].astype(np.float64)


def plant_drift(kind: str, before: float, after: float, events: int) -> Array:
    """The level of each event: ``events`` before the drift, and the drift for as many."""
    changed = {
        "abrupt": np.full(events, after),
        "gradual": np.linspace(before, after, events),
        "recurring": np.where(np.arange(events) // (events // 4) % 2 == 0, after, before),
    }[kind]
    return np.concatenate([np.full(events, before), changed])
