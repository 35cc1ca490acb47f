"""The events that trends count, and until when: as the state in Redis would have, at any past moment."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from algorithms.signals.trend_counts import STANDS, Counted
from contracts.events import RATING
from contracts.settings import WeightSettings
from contracts.strengths import RIVALS, weights_by_type
from training.in_memory.events import Events
from training.in_memory.pairs import column_of


def counted_events(events: Events, settings: WeightSettings) -> Counted:
    """All events that ever count, each with the time when a newer one of its type or of a rival came.

    Of events of one type and time, the last in the order of the arrays counts, as in the state; of events of
    different types at one time, the rival wins.
    """
    pair = _pairs(events)
    of_types = [
        _of_type(events, pair, column_of(name), [column_of(rival) for rival in rivals])
        for name, rivals in RIVALS.items()
    ]
    places = np.concatenate([kept for kept, _ in of_types])
    is_rating = events.types[places] == column_of(RATING)
    weights = np.array(weights_by_type(settings.event_weights))
    return Counted(
        items=events.items[places],
        times_ms=events.times[places],
        weights=np.where(is_rating, events.values[places], weights[events.types[places]]),
        until_ms=np.concatenate([until for _, until in of_types]),
    )


def _pairs(events: Events) -> NDArray[np.int64]:
    """The number of each event's (user, item)."""
    is_new = np.ones(len(events), np.int64)
    is_new[1:] = (events.users[1:] != events.users[:-1]) | (events.items[1:] != events.items[:-1])
    return np.cumsum(is_new)


def _of_type(
    events: Events, pair: NDArray[np.int64], code: int, rivals: list[int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The places of those of one type's events that ever count, and until when each counts."""
    places = np.flatnonzero(np.isin(events.types, [code, *rivals]))
    is_rival = events.types[places] != code
    if is_rival.any():
        # The sort is stable: events of one type and time stay in the order of their ids, and rivals follow.
        # Without rivals they are in this order already.
        places = places[np.lexsort((is_rival, events.times[places], pair[places]))]
    until = np.full(len(places), STANDS)
    has_next = np.zeros(len(places), np.bool_)
    has_next[:-1] = pair[places[1:]] == pair[places[:-1]]
    until[has_next] = events.times[places[np.flatnonzero(has_next) + 1]]
    kept = (events.types[places] == code) & (until > events.times[places])
    return places[kept], until[kept]
