"""What a list is ranked by: one entry an item, whatever its user or visitor did with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from algorithms.signals.history import Histories, grade_entries
from contracts.stored.records import HistoryEntry
from contracts.strengths import strength
from serving.memory.process_memory import ProcessMemory
from serving.redis.reads.user import history

Places = Callable[[Sequence[str]], NDArray[np.int64]]


class Interacted(NamedTuple):
    """An item of a history, with what all that counts of it is worth."""

    item_id: str
    strength: float  # what factors are folded in with (RATING_STRENGTHS, EVENT_WEIGHTS)
    time_ms: int  # of the newest interaction that counts
    grade: float = 1.0  # how much of a like it is (algorithms/signals/history.py)


async def graded_history(memory: ProcessMemory, user_id: str) -> list[Interacted]:
    """What a fold-in reads: the newest HISTORY_CAP items, newest first. Raises StoreError."""
    settings = memory.settings
    by_item: dict[str, list[HistoryEntry]] = {}  # in the order of each item's newest entry
    for item_id, entry in await history(memory.store, user_id):
        by_item.setdefault(item_id, []).append(entry)
    interacted = [
        Interacted(
            item_id=item_id,
            strength=strength(entries, settings.event_weights, settings.rating_strengths),
            time_ms=max(entry.event_time for entry in entries),
            grade=grade_entries((entry.event_type, entry.value) for entry in entries),
        )
        for item_id, entries in by_item.items()
    ]
    return interacted[: settings.history_cap]


def as_histories(interacted: Sequence[Interacted], places: Places, now_ms: int) -> Histories:
    """One user's history, given newest first, for a question at ``now_ms``.

    Items that the model does not know keep their place in the order.
    """
    return Histories(
        indptr=np.array([0, len(interacted)], np.int64),
        items=places([each.item_id for each in interacted]).astype(np.int32),
        grades=np.array([each.grade for each in interacted], np.float64),
        strengths=np.array([each.strength for each in interacted], np.float64),
        times_ms=np.array([each.time_ms for each in interacted], np.int64),
        weights=np.ones(len(interacted)),
        now_ms=np.array([now_ms], np.int64),
    )
