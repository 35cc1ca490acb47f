"""The figures of new events compared with the served model."""

from __future__ import annotations

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
    found = {name: values.tolist() for name, values in figures_of(events, REFERENCE, LISTS).items()}
    assert found == {
        HITS: [1.0, 0.0],
        HEAD: [0.0, 0.0, 0.0, 1.0, 0.0],
        UNKNOWN_USERS: [0.0, 0.0, 0.0, 1.0, 1.0],
        UNKNOWN_ITEMS: [0.0, 0.0, 0.0, 0.0, 1.0],
        RATINGS: [3.5 / 4.5, 0.0],
    }


def test_the_head_is_the_smallest_set_of_items_with_half_of_the_sum() -> None:
    assert head_of([("a", 5.0), ("b", 3.0), ("c", 2.0)]) == {"a"}
    assert head_of([("a", 4.0), ("b", 3.0), ("c", 3.0)]) == {"a", "b"}
    assert head_of([]) == frozenset()
