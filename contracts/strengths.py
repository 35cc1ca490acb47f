"""What a user's interactions with one item are worth together: which still count, and their strength.

This module has the rules. Three others apply them in another language: they take their data from here, and
property tests compare them with this module:
``streaming/state/apply_events.lua`` (Lua, ``tests/streaming/state/test_apply.py``),
``streaming/fold_in/histories.py`` (numpy, ``tests/streaming/fold_in/test_histories.py``) and
``training/data/dataset.py`` (Spark columns, ``tests/training/data/test_dataset.py``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from contracts.events import EVENT_RULES, EVENT_TYPES, NEGATIVE_TYPES, RATING, RETRACT, WEIGHTED_TYPES
from contracts.stored.records import EarlierEvent, HistoryEntry

# Event type -> its rivals: an event counts while it is newer than its user's last event of each of these
# types with the item. (A later dislike cancels a like, and the other way round.) A retraction never counts.
RIVALS: dict[str, tuple[str, ...]] = {
    rule.name: (RETRACT,) if rule.opposite is None else (RETRACT, rule.opposite)
    for rule in EVENT_RULES
    if rule.name != RETRACT
}


def effective(entries: Iterable[HistoryEntry]) -> list[HistoryEntry]:
    """The last writers of one (user, item) that count: those that are newer than each of their rivals."""
    by_type = {entry.event_type: entry for entry in entries}
    return [
        entry
        for entry in by_type.values()
        if entry.event_type in RIVALS
        and all(_is_newer(entry, by_type.get(rival)) for rival in RIVALS[entry.event_type])
    ]


def _is_newer(entry: HistoryEntry, other: HistoryEntry | None) -> bool:
    return other is None or (entry.event_time, entry.event_id) > (other.event_time, other.event_id)


def moments(entries: Collection[HistoryEntry], earlier: Iterable[EarlierEvent]) -> list[int]:
    """When the user did something with an item that counts: distinct times (epoch ms), newest first.

    ``entries`` are all last writers of the user with the item, ``earlier`` the events before them. An event
    counts while it is newer than the last writer of each of its rivals. Where nothing counts, the list is
    empty.
    """
    by_type = {entry.event_type: entry for entry in entries}
    times = {entry.event_time for entry in effective(entries)}
    for event_type, moment in earlier:
        rivals = (by_type.get(rival) for rival in RIVALS.get(event_type, ()))
        if event_type in RIVALS and all(rival is None or moment > rival.event_time for rival in rivals):
            times.add(moment)
    return sorted(times, reverse=True)


def strength(
    entries: Iterable[HistoryEntry], weights: Mapping[str, float], rating_strengths: Mapping[float, float]
) -> float:
    """The sum over the entries: a rating's by RATING_STRENGTHS, another type's by EVENT_WEIGHTS."""
    return sum(
        strength_of_rating(entry.value, rating_strengths)
        if entry.event_type == RATING
        else weights.get(entry.event_type, 0.0)
        for entry in entries
    )


def strength_of_rating(value: float, rating_strengths: Mapping[float, float]) -> float:
    """The strength of the largest threshold that the rating reaches; of the smallest if it reaches none."""
    reached = [threshold for threshold in rating_strengths if threshold <= value]
    return rating_strengths[max(reached) if reached else min(rating_strengths)]


def grade_steps(rating_strengths: Mapping[float, float]) -> list[tuple[float, float]]:
    """RATING_STRENGTHS as (threshold, strength), ascending, for the other forms of `strength_of_rating`.

    The last step that a rating reaches counts, and the first step where it reaches none.
    """
    return sorted((float(threshold), float(grade)) for threshold, grade in rating_strengths.items())


def weights_by_type(weights: Mapping[str, float]) -> list[float]:
    """EVENT_WEIGHTS in the order of EVENT_TYPES, 0 for types without one: for other forms of `strength`."""
    return [float(weights.get(name, 0.0)) if name in WEIGHTED_TYPES else 0.0 for name in EVENT_TYPES]


def is_positive(
    entries: Collection[HistoryEntry], weights: Mapping[str, float], positive_rating: float
) -> bool:
    """Whether entries that count say that a good list holds the item: one of them does, and none is of the
    types that say the opposite."""
    if any(entry.event_type in NEGATIVE_TYPES for entry in entries):
        return False
    return any(
        is_positive_event(entry.event_type, entry.value, weights, positive_rating) for entry in entries
    )


def is_positive_event(
    event_type: str, value: float, weights: Mapping[str, float], positive_rating: float
) -> bool:
    """Whether one event says that a good list holds its item: a rating that is high enough, or a type with a
    weight above zero that does not say the opposite."""
    if event_type == RATING:
        return value >= positive_rating
    is_weighted = event_type in WEIGHTED_TYPES and event_type not in NEGATIVE_TYPES
    return is_weighted and weights.get(event_type, 0.0) > 0
