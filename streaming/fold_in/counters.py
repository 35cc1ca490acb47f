"""Reads the counters that events move (trending and popular items) for the trends of the served blend.

Reading takes at most a twentieth of the worker's time. An item that was counted and that the model does not
know gets a place among the new items, so that lists can hold it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from algorithms.blending.live import (
    MOST_ITEMS,
    POPULARITY,
    Sums,
    as_sums,
    least_read,
    live_half_lives,
    pause_after,
    place_sums,
)
from contracts.settings import StreamingSettings
from contracts.stored import keyspace
from streaming.fold_in.model import OnlineModel
from streaming.fold_in.new_items import NewItems, list_new_items
from streaming.state.client import StateClient
from streaming.state.status import read_status

_MOST_LISTED = 1000  # how many new items one reading of a half-life may list


@dataclass(frozen=True)
class _Reading:
    items: Sequence[bytes]
    sums: NDArray[np.float64]  # CounterTrend.sums


@dataclass
class Counters:
    """The counters that one worker has read, for one model at a time."""

    _version: str = ""
    _due_at: float = -math.inf  # monotonic seconds
    _readings: dict[float, _Reading] = field(default_factory=dict)  # by half-life
    _newest_ms: int = 0
    _placed: dict[float, tuple[_Reading, int, NDArray[np.float64]]] = field(default_factory=dict)

    def sums(
        self, client: StateClient, model: OnlineModel, new_items: NewItems, settings: StreamingSettings
    ) -> Sums | None:
        """The counts of the model's items and the new ones; None: the blend has no such trend."""
        half_lives = live_half_lives(model.blend) if model.blend else set()
        if not half_lives:
            return None
        kept = {1000.0 * seconds for seconds in settings.trend_half_lives} | {POPULARITY}
        if model.version != self._version:
            self._version, self._due_at, self._placed = model.version, -math.inf, {}
        started = time.monotonic()
        if started >= self._due_at:
            # This is read first, so that the counters reach at least to this event.
            self._newest_ms = read_status(client).newest_event or 0
            self._readings = _read(client, sorted(half_lives & kept))
            unlisted = [
                item
                for each in self._readings.values()
                for item in _items_without_place(each, model, new_items)
            ]
            list_new_items(client, model, unlisted)
            now = time.monotonic()
            self._due_at = now + pause_after(now - started)
        placed = {half_life: self._place(half_life, model, new_items) for half_life in half_lives & kept}
        return Sums(placed, self._newest_ms)

    def _place(self, half_life: float, model: OnlineModel, new_items: NewItems) -> NDArray[np.float64]:
        """The sums by place; the last result where neither the reading nor the new items have changed."""
        reading, size = self._readings[half_life], len(model.index)
        many = size + len(new_items.index)
        placed = self._placed.get(half_life)
        if placed is not None and placed[0] is reading and placed[1] == many:
            return placed[2]
        known, new = model.index.get, new_items.index.get
        places = np.array([known(item, size + new(item, -size - 1)) for item in reading.items], np.int64)
        sums = place_sums(places, reading.sums, many)
        self._placed[half_life] = reading, many, sums
        return sums


def _read(client: StateClient, half_lives: Sequence[float]) -> dict[float, _Reading]:
    with client.pipeline(transaction=False) as pipeline:
        for half_life in half_lives:
            pipeline.zrevrange(keyspace.trend_counter(half_life), 0, 0, withscores=True)
        best = [found[0][1] if found else -math.inf for found in pipeline.execute()]
    with client.pipeline(transaction=False) as pipeline:
        for half_life, top in zip(half_lives, best, strict=True):
            least = least_read(half_life, top)
            pipeline.zrevrangebyscore(
                keyspace.trend_counter(half_life), "+inf", least, 0, MOST_ITEMS, withscores=True
            )
        found: list[Any] = pipeline.execute()
    return {
        half_life: _Reading([item for item, _ in pairs], as_sums(half_life, [score for _, score in pairs]))
        for half_life, pairs in zip(half_lives, found, strict=True)
    }


def _items_without_place(reading: _Reading, model: OnlineModel, new_items: NewItems) -> list[bytes]:
    unlisted = [each for each in reading.items if each not in model.index and each not in new_items.index]
    return unlisted[:_MOST_LISTED]
