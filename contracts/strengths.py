"""What a user's interactions with one item are worth together: which still count, and their strength.

The same rules stand in ``streaming/state/apply_events.lua`` (for the state) and in
``training/data/dataset.py`` (for the lake); ``tests/contracts/test_strengths.py`` and the parity tests hold
all three together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from contracts.events import RETRACT
from contracts.stored.records import HistoryEntry

# The newer of the two counts: a like is taken back by a later dislike, and the other way round.
OPPOSITE = {"like": "dislike", "dislike": "like"}


def effective(entries: Iterable[HistoryEntry]) -> list[HistoryEntry]:
    """The last writers of one (user, item) that count: newer than the retraction and than their opposite."""
    by_type = {entry.event_type: entry for entry in entries}
    retraction = by_type.pop(RETRACT, None)
    return [
        entry
        for entry in by_type.values()
        if _is_newer(entry, retraction) and _is_newer(entry, by_type.get(OPPOSITE.get(entry.event_type, "")))
    ]


def _is_newer(entry: HistoryEntry, other: HistoryEntry | None) -> bool:
    return other is None or (entry.event_time, entry.event_id) > (other.event_time, other.event_id)


def strength(
    entries: Iterable[HistoryEntry], weights: Mapping[str, float], rating_strengths: Mapping[float, float]
) -> float:
    """The sum over the entries: a rating's by RATING_STRENGTHS, another type's by EVENT_WEIGHTS."""
    return sum(
        graded(entry.value, rating_strengths)
        if entry.event_type == "rating"
        else weights.get(entry.event_type, 0.0)
        for entry in entries
    )


def graded(value: float, rating_strengths: Mapping[float, float]) -> float:
    """The strength of the largest threshold that the rating reaches; below all, that of the smallest."""
    reached = [threshold for threshold in rating_strengths if threshold <= value]
    return rating_strengths[max(reached) if reached else min(rating_strengths)]
