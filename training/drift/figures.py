"""Figures that compare new events with the served model: pure functions, one value in [0, 1] for each
event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from contracts.events import MAX_RATING, MIN_RATING, RATING
from contracts.settings import WeightSettings
from contracts.strengths import is_positive_event

LIST_LENGTH = 10
SERVED_HITS, HITS, HEAD, UNKNOWN_USERS, UNKNOWN_ITEMS, RATINGS = (
    "live hit rate of the served lists",
    "hit rate of the model's lists",
    "share of the most popular items",
    "share of unknown users",
    "share of unknown items",
    "level of ratings",
)


class NewEvent(NamedTuple):
    """An event, as far as the figures need it."""

    user_id: str
    item_id: str
    event_type: str
    value: float


@dataclass(frozen=True)
class Reference:
    """The served model and its time: what new events are compared with."""

    version: str
    items: frozenset[str]
    head: frozenset[str]  # the items that had half of all interactions when the version was first seen


def figures_of(
    events: Sequence[NewEvent],
    reference: Reference,
    lists: Mapping[str, Sequence[str] | None],
    settings: WeightSettings,
) -> dict[str, NDArray[np.float64]]:
    """The values of each figure but the live one, in the order of the events.

    ``lists`` are the model's lists by user, best first; None for a user whom the model does not know.
    """
    rated = [event.value for event in events if event.event_type == RATING]
    liked = [
        event for event in events if _is_positive(event, settings) and lists.get(event.user_id) is not None
    ]
    hits = [event.item_id in (lists[event.user_id] or ())[:LIST_LENGTH] for event in liked]
    return {
        HITS: _values(hits),
        HEAD: _values([event.item_id in reference.head for event in events]),
        UNKNOWN_USERS: _values([lists.get(event.user_id) is None for event in events]),
        UNKNOWN_ITEMS: _values([event.item_id not in reference.items for event in events]),
        RATINGS: (_values(rated) - MIN_RATING) / (MAX_RATING - MIN_RATING),
    }


def head_of(popular: Sequence[tuple[str, float]]) -> frozenset[str]:
    """The fewest of these items, best first, that have half of the sum of their scores."""
    total, head, so_far = sum(score for _, score in popular), [], 0.0
    for item_id, score in popular:
        if so_far >= total / 2:
            break
        head.append(item_id)
        so_far += score
    return frozenset(head)


def _is_positive(event: NewEvent, settings: WeightSettings) -> bool:
    return is_positive_event(event.event_type, event.value, settings.event_weights, settings.positive_rating)


def _values(values: Sequence[float | bool]) -> NDArray[np.float64]:
    return np.asarray(values, dtype=np.float64)
