"""The counters that events move, as trends of the served blend read them: trending and popular, by item.

They are read once in a while only: there are many, and they change little in between. An item that
was counted and has no place in the model gets one among the new items, so that it may be listed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from algorithms.blending.live import Sums, live_half_lives
from contracts.settings import StreamingSettings
from contracts.stored import keyspace
from streaming.fold_in.model import OnlineModel
from streaming.fold_in.new_items import NewItems, list_new_items
from streaming.state.client import StateClient

_SHORTEST_SECONDS, _LONGEST_SECONDS = 0.5, 15.0  # between two readings
_READINGS = 1800  # in a half-life
_HALVINGS = 40  # below the best item; what lies lower says nothing
_MOST_ITEMS = 100_000  # that are read of a half-life, best first
_MOST_LISTED = 1000  # new items by one reading
_POPULARITY = 0.0


@dataclass(frozen=True)
class _Reading:
    read_at: float  # monotonic seconds
    items: Sequence[bytes]
    sums: NDArray[np.float64]  # CounterTrend.sums


@dataclass
class Counters:
    """What one worker has read; of one model at a time."""

    _version: str = ""
    _readings: dict[float, _Reading] = field(default_factory=dict)
    _placed: dict[float, tuple[_Reading, int, NDArray[np.float64]]] = field(default_factory=dict)

    def sums(
        self, client: StateClient, model: OnlineModel, new_items: NewItems, settings: StreamingSettings
    ) -> Sums | None:
        """By half-life (ms), over the model's items and the new ones; None: the blend has no such trend."""
        half_lives = live_half_lives(model.blend) if model.blend else set()
        if not half_lives:
            return None
        kept = {1000.0 * seconds for seconds in settings.trend_half_lives} | {_POPULARITY}
        if model.version != self._version:
            self._version, self._readings, self._placed = model.version, {}, {}
        self._read(client, sorted(half_lives & kept), model, new_items)
        return {half_life: self._place(half_life, model, new_items) for half_life in half_lives & kept}

    def _read(
        self, client: StateClient, half_lives: Sequence[float], model: OnlineModel, new_items: NewItems
    ) -> None:
        now = time.monotonic()
        due = [each for each in half_lives if self._is_due(each, now)]
        if not due:
            return
        with client.pipeline(transaction=False) as pipeline:
            for half_life in due:
                pipeline.zrevrange(_key(half_life), 0, 0, withscores=True)
            best = [found[0][1] if found else -math.inf for found in pipeline.execute()]
        with client.pipeline(transaction=False) as pipeline:
            for half_life, top in zip(due, best, strict=True):
                least: float | str = "(0" if half_life == _POPULARITY else top - _HALVINGS
                pipeline.zrevrangebyscore(_key(half_life), "+inf", least, 0, _MOST_ITEMS, withscores=True)
            found = pipeline.execute()
        for half_life, pairs in zip(due, found, strict=True):
            self._readings[half_life] = _reading(half_life, pairs, now)
        unlisted = [item for each in due for item in self._unlisted_items(each, model, new_items)]
        list_new_items(client, model, unlisted)

    def _is_due(self, half_life: float, now: float) -> bool:
        known = self._readings.get(half_life)
        pause = half_life / 1000 / _READINGS if half_life else _LONGEST_SECONDS
        return known is None or now - known.read_at >= min(_LONGEST_SECONDS, max(_SHORTEST_SECONDS, pause))

    def _unlisted_items(self, half_life: float, model: OnlineModel, new_items: NewItems) -> list[bytes]:
        items = self._readings[half_life].items
        unlisted = [each for each in items if each not in model.index and each not in new_items.index]
        return unlisted[:_MOST_LISTED]

    def _place(self, half_life: float, model: OnlineModel, new_items: NewItems) -> NDArray[np.float64]:
        """By place; as before where neither the reading nor the new items have changed."""
        reading, size = self._readings[half_life], len(model.index)
        many = size + len(new_items.index)
        placed = self._placed.get(half_life)
        if placed is not None and placed[0] is reading and placed[1] == many:
            return placed[2]
        sums = np.full(many, -np.inf)
        known, new = model.index.get, new_items.index.get
        places = np.array([known(item, size + new(item, -size - 1)) for item in reading.items], np.int64)
        there = places >= 0
        sums[places[there]] = reading.sums[there]
        self._placed[half_life] = reading, many, sums
        return sums


def _key(half_life: float) -> str:
    return keyspace.POPULAR if half_life == _POPULARITY else keyspace.trending(round(half_life / 1000))


def _reading(half_life: float, pairs: Any, now: float) -> _Reading:
    sums = np.array([score for _, score in pairs], np.float64)
    return _Reading(now, [item for item, _ in pairs], np.log2(sums) if half_life == _POPULARITY else sums)
