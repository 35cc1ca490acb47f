"""Counts how often one item follows another within the next few events; later events can be added."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from algorithms.signals.follower_weights import Levels, equal_levels
from algorithms.signals.history import UNKNOWN, Histories

Floats = NDArray[np.float64]
Integers = NDArray[np.integer[Any]]

MAX_SPAN = 40
_SHORT = 2**32  # keys below this take four bytes, and are sorted in half the time
_BLOCK_PAIRS = 2**23  # pairs that are sorted at once: 64 MiB
_LEAST_SOURCES = 512  # a block has these many items or more, even if its keys are long then


@dataclass(frozen=True)
class Window:
    """Which pairs of a user's events count, and how much.

    Each event is paired with the ``span`` events after it; at a distance of d the pair weighs
    2 ** (-(d - 1) / half_life). ``backward`` is the share of this that also counts in the reverse order. Two
    events of one time have no order: both directions count half. ``keeps_diagonal``: an item may follow
    itself.
    """

    span: int = 20
    half_life: float = 5.0
    backward: float = 0.0
    keeps_diagonal: bool = False

    def __post_init__(self) -> None:
        if not (1 <= self.span <= MAX_SPAN and self.half_life > 0 and 0 <= self.backward <= 1):
            raise ValueError(
                f"a window has a span of 1 to {MAX_SPAN}, a half-life above 0 and a share of 0-1"
            )

    def weights(self) -> Floats:
        """(codes): the weight of code 3 (d - 1) + 0 for in order, + 1 for one time, + 2 for reverse order."""
        by_distance = 2.0 ** (-np.arange(self.span) / self.half_life)
        return np.outer(by_distance, [1.0, (1 + self.backward) / 2, self.backward]).ravel()


class Pairs(NamedTuple):
    """Counts by (from, to), each pair once, ordered by both."""

    sources: NDArray[np.int64]
    followers: NDArray[np.int64]
    counts: Floats

    def sums(self, items: int) -> tuple[Floats, Floats]:
        """Two arrays (items): the counts summed over followers, and summed over sources."""
        of_sources = np.asarray(np.bincount(self.sources, self.counts, items), np.float64)
        return of_sources, np.asarray(np.bincount(self.followers, self.counts, items), np.float64)


class _Distance(NamedTuple):
    """Pairs of events that are a given number of places apart."""

    older: NDArray[np.int32]
    newer: NDArray[np.int32]
    is_one_moment: NDArray[np.bool_]
    older_level: NDArray[np.uint8]  # how much the older counts as a follower (`FollowerWeights`)
    newer_level: NDArray[np.uint8]

    def where(self, kept: NDArray[np.bool_]) -> _Distance:
        return _Distance(
            self.older[kept],
            self.newer[kept],
            self.is_one_moment[kept],
            self.older_level[kept],
            self.newer_level[kept],
        )


class _Counted(NamedTuple):
    """What is counted, and how."""

    histories: Histories
    window: Window
    items: int
    levels: Levels
    is_newer: NDArray[np.bool_] | None

    @property
    def codes(self) -> int:
        return 3 * self.window.span * len(self.levels.weights)

    def weights(self) -> Floats:
        """(codes): the weight of code (levels) x (code of the window) + level."""
        return np.outer(self.window.weights(), self.levels.weights).ravel()


def count_pairs(
    histories: Histories,
    window: Window,
    items: int,
    is_newer: NDArray[np.bool_] | None = None,
    levels: Levels | None = None,
) -> Pairs:
    """All counts, in time linear in events x span; one block of rows is sorted at a time.

    ``levels`` (None: all 1) say how much each entry counts as the follower of a pair.
    ``is_newer`` (entries) restricts them to pairs whose newer event it marks: so they are what later events
    add to the counts of the events before them.
    """
    by_item = np.argsort(histories.items, kind="stable")
    by_item = by_item[np.searchsorted(histories.items[by_item], 0) :]  # leaves UNKNOWN out
    events_before = np.searchsorted(histories.items[by_item], np.arange(items + 1))
    per_block = max(1, _BLOCK_PAIRS // (2 * window.span))
    counted = _Counted(histories, window, items, levels or equal_levels(histories), is_newer)
    most_sources = max(_LEAST_SOURCES, _SHORT // max(1, items * counted.codes))
    blocks, first = [], 0
    while first < items:
        last = int(np.searchsorted(events_before, events_before[first] + per_block, side="right")) - 1
        last = min(max(last, first + 1), first + most_sources)
        places = by_item[events_before[first] : events_before[last]]
        if len(places):
            blocks.append(_count_sources(counted, np.sort(places)))
        first = last
    if not blocks:
        return Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    return Pairs(
        np.concatenate([block.sources for block in blocks]),
        np.concatenate([block.followers for block in blocks]),
        np.concatenate([block.counts for block in blocks]),
    )


def merge(several: list[Pairs], items: int) -> Pairs:
    """The sum of counts, without pairs that add up to nothing."""
    keys = np.concatenate([pairs.sources * items + pairs.followers for pairs in several])
    unique, place = np.unique(keys, return_inverse=True)
    amounts = np.concatenate([pairs.counts for pairs in several])
    counts = np.asarray(np.bincount(place, amounts, len(unique)), np.float64)
    kept = np.abs(counts) > 1e-12
    return Pairs(unique[kept] // items, unique[kept] % items, counts[kept])


def _at_distance(counted: _Counted, places: Integers, distance: int) -> _Distance:
    """The pairs whose older event is at one of these places (newest first)."""
    histories = counted.histories
    starts = histories.indptr[histories.owners[places]]
    older = places[places - distance >= starts]
    if counted.is_newer is not None:
        older = older[counted.is_newer[older - distance]]
    newer = older - distance
    items = histories.items[older], histories.items[newer]
    counts = (items[0] != UNKNOWN) & (items[1] != UNKNOWN)
    if not counted.window.keeps_diagonal:
        counts &= items[0] != items[1]
    is_one_moment = histories.times_ms[older] == histories.times_ms[newer]
    levels = counted.levels.of_entries
    return _Distance(*items, is_one_moment, levels[older], levels[newer]).where(counts)


def _count_sources(counted: _Counted, places: Integers) -> Pairs:
    """The counts whose source is at these places, which are all the events of some items."""
    packed = list[NDArray[Any]]()
    histories, window, items = counted.histories, counted.window, counted.items
    lowest = int(histories.items[places].min())
    spread = int(histories.items[places].max()) - lowest + 1
    levels = len(counted.levels.weights)
    of_keys = np.uint32 if spread * items * counted.codes <= _SHORT else np.int64

    def pack(sources: Integers, followers: Integers, codes: Integers, of_followers: Integers) -> None:
        keys: NDArray[Any] = (sources - lowest).astype(of_keys)
        for size, added in ((items, followers), (counted.codes // levels, codes), (levels, of_followers)):
            keys *= of_keys(size)
            keys += added.astype(of_keys)
        packed.append(keys)

    # Without a backward share, only pairs of one time count in reverse, so only such entries are looked at.
    reverse = places if window.backward else places[_has_older_of_its_moment(histories, places)]
    for distance in range(1, window.span + 1):
        code = 3 * (distance - 1)
        pairs = _at_distance(counted, places, distance)
        pack(pairs.older, pairs.newer, code + pairs.is_one_moment, pairs.newer_level)
        pairs = _at_newer(counted, reverse, distance)
        if not window.backward:
            pairs = pairs.where(pairs.is_one_moment)
        pack(pairs.newer, pairs.older, code + 2 - pairs.is_one_moment, pairs.older_level)
    keys: NDArray[Any] = np.concatenate(packed)
    keys.sort()
    amounts = counted.weights()[keys % of_keys(counted.codes)]
    keys //= of_keys(counted.codes)
    firsts = np.flatnonzero(np.concatenate([np.ones(min(1, len(keys)), np.bool_), keys[1:] != keys[:-1]]))
    counts = np.add.reduceat(amounts, firsts) if len(firsts) else np.empty(0)
    found = keys[firsts].astype(np.int64)
    return Pairs(found // items + lowest, found % items, counts)


def _has_older_of_its_moment(histories: Histories, places: Integers) -> NDArray[np.bool_]:
    following = np.minimum(places + 1, len(histories.items) - 1)
    is_same_moment = histories.times_ms[places] == histories.times_ms[following]
    return np.asarray(is_same_moment & (histories.owners[places] == histories.owners[following]))


def _at_newer(counted: _Counted, places: Integers, distance: int) -> _Distance:
    """The pairs whose newer event is at one of these places."""
    histories = counted.histories
    stops = histories.indptr[histories.owners[places] + 1]
    older = places[places + distance < stops] + distance
    return _at_distance(counted, older, distance)
