"""The history by which a list is ranked: each item once, with all times at which the user came to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from algorithms.signals.history import Histories, grade_entries
from contracts.events import PURCHASE
from contracts.stored.records import HistoryEntry
from contracts.strengths import strength
from serving.memory.model_blend import ModelBlend
from serving.memory.process_memory import ProcessMemory
from serving.redis.model_cache import Model
from serving.redis.ranked_list import RankedList
from serving.redis.reads.user import read_history_with_moments

Ranked = RankedList | tuple[()]
Places = Callable[[Sequence[str]], NDArray[np.int64]]


class Interacted(NamedTuple):
    """An item of a history, with the strength of all its interactions that count."""

    item_id: str
    strength: float  # for the fold-in (RATING_STRENGTHS, EVENT_WEIGHTS)
    time_ms: int  # of the newest interaction that counts
    grade: float = 1.0  # how much of a like it is (algorithms/signals/history.py)
    earlier_ms: tuple[int, ...] = ()  # the times before that, as far as they are kept (EARLIER_EVENTS)
    is_bought: bool = False
    event_type: str | None = None  # of the newest interaction that counts


class Asked(NamedTuple):
    """A history as signals read it, and for each of its entries the place of its item in that history."""

    histories: Histories
    rows: NDArray[np.int64]


async def graded_history(memory: ProcessMemory, user_id: str) -> list[Interacted]:
    """The part of a user's history that ranks: the newest HISTORY_CAP items, newest first. StoreError."""
    settings = memory.settings
    found = await read_history_with_moments(memory.store, user_id)
    by_item: dict[str, list[HistoryEntry]] = {}  # in the order of each item's newest entry
    for item_id, entry in found.rows:
        by_item.setdefault(item_id, []).append(entry)
    interacted = [
        Interacted(
            item_id=item_id,
            strength=strength(entries, settings.event_weights, settings.rating_strengths),
            time_ms=max(entry.event_time for entry in entries),
            grade=grade_entries((entry.event_type, entry.value) for entry in entries),
            earlier_ms=tuple(found.times_ms[item_id][1:]),
            is_bought=any(entry.event_type == PURCHASE for entry in entries),
            event_type=max(entries, key=lambda entry: entry.event_time).event_type,
        )
        for item_id, entries in by_item.items()
    ]
    return interacted[: settings.history_cap]


def as_histories(interacted: Sequence[Interacted], places: Places, now_ms: int) -> Asked:
    """One user's history for a question at ``now_ms``: an entry for each time of each item, newest first.

    Items that the model does not know keep their place in the order. Of entries with the same time, the one
    with the higher item index counts as newer, as in the online query.
    """
    counts = np.array([1 + len(each.earlier_ms) for each in interacted], np.int64)
    rows = np.repeat(np.arange(len(interacted)), counts)
    times = np.array([time for each in interacted for time in (each.time_ms, *each.earlier_ms)], np.int64)
    items = places([each.item_id for each in interacted]).astype(np.int32)
    order = np.lexsort((-items[rows], -times))
    rows = rows[order]
    histories = Histories(
        indptr=np.array([0, len(rows)], np.int64),
        items=items[rows],
        grades=np.array([each.grade for each in interacted], np.float64)[rows],
        strengths=np.array([each.strength for each in interacted], np.float64)[rows],
        times_ms=times[order],
        weights=np.ones(len(rows)),
        now_ms=np.array([now_ms], np.int64),
    )
    return Asked(histories, rows)


def rank_by_blend(
    blend: ModelBlend, hotness: float, history: Sequence[Interacted], asked_ms: int, depth: int
) -> Ranked:
    """The ``depth`` best items for a history at this time; none where no signal has a weight."""
    weighted = blend.at(hotness)
    if not weighted.names:
        return ()
    histories, _ = as_histories(history, blend.places, asked_ms)
    indexes, scores = weighted.rank(blend.signals, histories, min(depth, blend.size))
    return ranked_list(blend.factors.model, indexes[0], scores[0])


def ranked_list(model: Model, indexes: NDArray[np.int32], scores: NDArray[np.floating[Any]]) -> RankedList:
    """Indexes and scores as a list, without the places that are not filled (index -1)."""
    filled = indexes >= 0
    return RankedList(model, (indexes[filled].tolist(), scores[filled].tolist()))
