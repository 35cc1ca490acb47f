"""Recounts the state from the lake; every order and repetition of its events must have led to this state.

Memory: the lake's columns twice while they are sorted, about 300 bytes for each (user, item) afterwards.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from contracts.events import RATING
from contracts.stored.keyspace import shard_of
from contracts.stored.records import (
    COUNTED_TYPES,
    MICROS,
    OCTAVES,
    TYPE_CODES,
    EarlierEvent,
    HistoryEntry,
    Popularity,
    Trend,
    encode_earlier,
    encode_entry,
)
from contracts.strengths import RIVALS, effective
from stack.verify.state_file import Head, State

_KEY = ["user_id", "item_id", "event_type"]
_ORDER = [*_KEY, "event_time", "event_id", "value"]
_BATCH_ROWS = 50_000


class _Known(NamedTuple):
    """A user's newest entry of each type with an item, and the entries that count."""

    user: str
    item: str
    entries: list[HistoryEntry]
    counted: list[HistoryEntry]


def below(lake: pa.Table, next_offsets: Mapping[int, int]) -> pa.Table:
    """The rows before each partition's next offset; all rows of a partition without one."""
    return lake.filter(pa.array(~_is_beyond(lake, next_offsets)))


def beyond(lake: pa.Table, next_offsets: Mapping[int, int]) -> pa.Table:
    """All other rows than those `below`."""
    return lake.filter(pa.array(_is_beyond(lake, next_offsets)))


def _is_beyond(lake: pa.Table, next_offsets: Mapping[int, int]) -> NDArray[np.bool_]:
    found = np.zeros(lake.num_rows, bool)
    partition, offset = lake["partition"].to_numpy(), lake["offset"].to_numpy()
    for number, bound in next_offsets.items():
        found |= (partition == number) & (offset >= bound)
    return found


def since(lake: pa.Table, moment_ms: int) -> pa.Table:
    """The rows of events from this moment on (EVENTS_KEEP_DAYS)."""
    return lake.filter(pc.greater_equal(lake["event_time"], moment_ms)) if moment_ms else lake


def last_writers(lake: pa.Table) -> tuple[pa.Table, pa.Table]:
    """One row per (user, item, type), the newest by (event_time, event_id, value); and the rest, in order."""
    rows = lake.select(_ORDER).sort_by([(name, "ascending") for name in _ORDER])
    if not rows.num_rows:
        return rows, rows
    is_last = np.zeros(rows.num_rows, bool)
    is_last[-1] = True
    for name in _KEY:
        column = rows[name].combine_chunks()
        is_last[:-1] |= pc.not_equal(column.slice(1), column.slice(0, len(column) - 1)).to_numpy(
            zero_copy_only=False
        )
    return rows.filter(pa.array(is_last)), rows.filter(pa.array(~is_last))


def recount(lake: pa.Table, head: Head) -> State:
    """The state by the rules of contracts/strengths.py and records.py."""
    state = State(
        histories={},
        retracted={},
        popularity={},
        trending={half_life: {} for half_life in head.trend_half_lives},
    )
    counters: dict[str, list[int]] = defaultdict(lambda: [0] * (2 + len(COUNTED_TYPES)))
    trends, (winners, others) = _Trends(head), last_writers(lake)
    earlier = _earlier(others) if head.earlier_events else {}
    for known in _known_items(winners):
        found = earlier.get((known.user, known.item), ())
        last = {entry.event_type: entry.event_time for entry in known.entries}
        moments = {EarlierEvent(name, moment) for name, moment in found if moment < last[name]}
        if moments:
            newest = sorted(moments, key=_newest_first)[: head.earlier_events]
            state.earlier[known.user, known.item] = encode_earlier(newest)
        raw = b"".join(encode_entry(e) for e in sorted(known.entries, key=_code))
        (state.histories if known.counted else state.retracted)[known.user, known.item] = raw
        _count(counters[known.item], known.counted)
        trends.add(known)
    for item, (users, micros, *counts) in counters.items():
        state.popularity[item] = Popularity(users, micros, tuple(counts))
    for half_life, item, score in trends.scores():
        state.trending[half_life][item] = score
    return state


def _known_items(winners: pa.Table) -> Iterator[_Known]:
    for (user, item), rows in groupby(_rows(winners), itemgetter(0, 1)):
        entries = [
            HistoryEntry(kind, moment, event_id, value) for _, _, kind, moment, event_id, value in rows
        ]
        yield _Known(user, item, entries, effective(entries))


def _earlier(others: pa.Table) -> dict[tuple[str, str], list[tuple[str, int]]]:
    """By (user, item): types and times of counted events that are not the newest of a type; some twice."""
    found: dict[tuple[str, str], list[tuple[str, int]]] = defaultdict(list)
    for user, item, kind, moment, _, _ in _rows(others):
        if kind in RIVALS:
            found[user, item].append((kind, moment))
    return found


def _newest_first(event: EarlierEvent) -> tuple[int, int]:
    return -event.event_time, -TYPE_CODES[event.event_type]


def _rows(winners: pa.Table) -> Iterator[tuple[str, str, str, int, str, float]]:
    for batch in winners.to_batches(max_chunksize=_BATCH_ROWS):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _code(entry: HistoryEntry) -> int:
    return TYPE_CODES[entry.event_type]


def _count(counters: list[int], counted: Iterable[HistoryEntry]) -> None:
    """Counters are users, the sum of ratings in millionths, then one per counted type."""
    for n, entry in enumerate(counted):
        counters[0] += not n
        counters[1] += _micros(entry.value) if entry.event_type == RATING else 0
        counters[2 + COUNTED_TYPES.index(entry.event_type)] += 1


def _micros(value: float) -> int:
    return round(value * MICROS)


class _Trends:
    """Octaves (records.Trend) by the users' shard and the item: a shard forgets by its own newest entry."""

    def __init__(self, head: Head) -> None:
        self._head = head
        self._millionths = {name: _micros(weight) for name, weight in head.event_weights.items()}
        self._newest: dict[tuple[int, str], int] = defaultdict(int)  # epoch ms
        self._octaves: dict[tuple[int, str], Counter[tuple[int, int]]] = defaultdict(Counter)

    def add(self, known: _Known) -> None:
        key = shard_of(known.user, self._head.redis_shards), known.item
        self._newest[key] = max(self._newest[key], *(entry.event_time for entry in known.entries))
        octaves = self._octaves[key]
        for entry in known.counted:
            is_rating = entry.event_type == RATING
            weight = _micros(entry.value) if is_rating else self._millionths.get(entry.event_type, 0)
            for place, half_life in enumerate(self._head.trend_half_lives):
                halvings = entry.event_time / (1000 * half_life)
                k = math.floor(halvings)
                share = math.floor(abs(weight) * 2 ** (halvings - k) + 0.5)
                octaves[place, k] += -share if weight < 0 else share

    def scores(self) -> Iterator[tuple[int, str, float]]:
        """Half-life, item and score, for items with a score."""
        merged: dict[str, Trend] = defaultdict(Trend)
        for key, octaves in self._octaves.items():
            merged[key[1]] += self._within_octaves(octaves, self._newest[key])
        for item, trend in merged.items():
            for place, half_life in enumerate(self._head.trend_half_lives):
                if (score := trend.score(place)) is not None:
                    yield half_life, item, score

    def _within_octaves(self, octaves: Mapping[tuple[int, int], int], newest_ms: int) -> Trend:
        newest = [math.floor(newest_ms / (1000 * half_life)) for half_life in self._head.trend_half_lives]
        recent = {(place, k): n for (place, k), n in octaves.items() if k > newest[place] - OCTAVES}
        # The newest octave is there even if it is empty: the other shards' sums are relative to it.
        return Trend(dict.fromkeys(enumerate(newest), 0) | recent)
