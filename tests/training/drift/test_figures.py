"""The figures of new events compared with the served model."""

from __future__ import annotations

import numpy as np
import pytest

from contracts.events import EVENT_TYPES, RATING
from contracts.settings import WeightSettings
from contracts.stored.records import HistoryEntry
from contracts.strengths import effective, is_positive
from training.drift.figures import (
    HEAD,
    HITS,
    RATINGS,
    UNKNOWN_ITEMS,
    UNKNOWN_USERS,
    NewEvent,
    Reference,
    figures_of,
    head_of,
)

REFERENCE = Reference("v1", items=frozenset("abcdefghijklm"), head=frozenset("ab"))
LISTS = {"ann": list("cdefghijklm"), "bob": None}


def test_each_event_adds_one_value_to_each_figure_that_it_concerns() -> None:
    events = [
        NewEvent("ann", "c", "like", 1.0),
        NewEvent("ann", "m", "rating", 4.0),  # the list's eleventh
        NewEvent("ann", "d", "rating", 0.5),  # not liked: no miss
        NewEvent("bob", "a", "click", 1.0),
        NewEvent("bob", "new", "view", 1.0),
    ]
    figures = figures_of(events, REFERENCE, LISTS, WeightSettings())
    found = {name: values.tolist() for name, values in figures.items()}
    assert found == {
        HITS: [1.0, 0.0],
        HEAD: [0.0, 0.0, 0.0, 1.0, 0.0],
        UNKNOWN_USERS: [0.0, 0.0, 0.0, 1.0, 1.0],
        UNKNOWN_ITEMS: [0.0, 0.0, 0.0, 0.0, 1.0],
        RATINGS: [3.5 / 4.5, 0.0],
    }


@pytest.mark.parametrize(
    "settings",
    [
        WeightSettings(),
        WeightSettings(positive_rating=2.5, event_weights={"view": 0.0, "click": 1.0, "like": -1.0}),
        WeightSettings(positive_rating=5.0, event_weights={"dislike": 3.0, "retract": 2.0, "rating": 4.0}),
    ],
)
def test_an_event_is_positive_where_the_rule_of_the_contract_says_it_of_its_item(
    settings: WeightSettings,
) -> None:
    values = [(RATING, float(value)) for value in np.arange(0.5, 5.5, 0.5)]
    values += [(event_type, 1.0) for event_type in EVENT_TYPES if event_type != RATING]
    expected, found = [], []
    for event_type, value in values:
        alone = effective([HistoryEntry(event_type, 1, "e", value)])
        expected.append(is_positive(alone, settings.event_weights, settings.positive_rating))
        event = NewEvent("ann", "c", event_type, value)
        found.append(figures_of([event], REFERENCE, LISTS, settings)[HITS].size == 1)
    assert found == expected
    assert True in found
    assert False in found


def test_the_head_is_the_smallest_set_of_items_with_half_of_the_sum() -> None:
    assert head_of([("a", 5.0), ("b", 3.0), ("c", 2.0)]) == {"a"}
    assert head_of([("a", 4.0), ("b", 3.0), ("c", 3.0)]) == {"a", "b"}
    assert head_of([]) == frozenset()
