from __future__ import annotations

import random

import numpy as np
from pyspark.sql import Row

from contracts.events import EVENT_TYPES
from tests.training.in_memory.worlds import as_events, random_rows


def test_events_are_sorted_into_one_order() -> None:
    rows = random_rows(5, seconds=2)
    events = as_events(rows)
    users, items = events.user_ids.to_pylist(), events.item_ids.to_pylist()
    columns = (events.users, events.items, events.types, events.times, events.event_ids.to_pylist())
    found = [
        (users[user], items[item], kind, time, event_id)
        for user, item, kind, time, event_id in zip(*columns, strict=True)
    ]
    assert found == sorted(found, key=lambda e: (e[0].encode(), e[1].encode(), *e[2:]))
    random.Random(1).shuffle(rows)
    again = as_events(rows)
    assert again.event_ids.equals(events.event_ids)
    np.testing.assert_array_equal(again.values, events.values)


def test_a_selection_of_events_keeps_codes_and_order() -> None:
    events = as_events(random_rows(5))
    is_rating = events.types == EVENT_TYPES.index("rating")
    ratings = events.where(is_rating)
    assert len(ratings) == is_rating.sum()
    np.testing.assert_array_equal(ratings.users, events.users[is_rating])
    assert ratings.event_ids.to_pylist() == [
        each for each, kept in zip(events.event_ids.to_pylist(), is_rating, strict=True) if kept
    ]


def test_of_one_event_with_two_values_the_larger_is_last_in_whichever_order_they_were_read() -> None:
    low = random_rows(5)[0]
    high = Row(*low[:4], low[4] + 1, *low[5:])
    for rows in ([low, high], [high, low]):
        assert as_events(rows).values.tolist() == [low[4], high[4]]
