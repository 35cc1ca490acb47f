from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events import DEFAULT_WEIGHTS, EVENT_TYPES
from contracts.stored.records import EarlierEvent, HistoryEntry
from contracts.strengths import (
    effective,
    grade_steps,
    is_positive,
    moments,
    strength,
    strength_of_rating,
    weights_by_type,
)

GRADES = {0.0: -0.5, 3.0: 0.0, 4.0: 1.0, 5.0: 2.0}


def entry(event_type: str, moment: int, value: float = 1.0, event_id: int = 0) -> HistoryEntry:
    return HistoryEntry(event_type, moment, str(uuid.UUID(int=event_id)), value)


def test_a_retraction_cancels_events_before_it_and_none_after_it() -> None:
    like, view, retraction = entry("like", 1), entry("view", 3), entry("retract", 2)
    assert effective([like, view, retraction]) == [view]
    assert effective([like, retraction]) == []


def test_at_the_same_instant_the_event_id_decides() -> None:
    like, retraction = entry("like", 1, event_id=2), entry("retract", 1, event_id=1)
    assert effective([like, retraction]) == [like]


def test_of_a_like_and_a_dislike_only_the_newer_one_counts() -> None:
    like, dislike = entry("like", 1), entry("dislike", 2)
    assert effective([like, dislike]) == [dislike]
    assert effective([dislike, entry("like", 3)]) == [entry("like", 3)]


@given(
    st.lists(
        st.builds(entry, st.sampled_from(EVENT_TYPES), st.integers(0, 5), event_id=st.integers(0, 3)),
        unique_by=lambda each: each.event_type,
    )
)
def test_only_events_after_the_retraction_count(entries: list[HistoryEntry]) -> None:
    counted = effective(entries)
    assert all(each in entries and each.event_type != "retract" for each in counted)
    for retraction in (each for each in entries if each.event_type == "retract"):
        assert all(
            (each.event_time, each.event_id) > (retraction.event_time, retraction.event_id)
            for each in counted
        )


def test_the_moments_of_an_item_are_the_times_of_its_counting_events_newest_first() -> None:
    entries = [entry("view", 5), entry("purchase", 9)]
    earlier = [EarlierEvent("purchase", 5), EarlierEvent("view", 2), EarlierEvent("purchase", 1)]
    assert moments(entries, earlier) == [9, 5, 2, 1]
    assert moments(entries, []) == [9, 5]


def test_a_moment_counts_only_if_nothing_later_takes_it_back() -> None:
    like, retraction, view = entry("like", 7), entry("retract", 4), entry("view", 3)
    earlier = [EarlierEvent("like", 5), EarlierEvent("like", 4), EarlierEvent("view", 2)]
    assert moments([like, retraction, view], earlier) == [7, 5]
    disliked = [entry("like", 1), entry("dislike", 8)]
    assert moments(disliked, [EarlierEvent("dislike", 6), EarlierEvent("like", 0)]) == [8, 6]
    assert moments([entry("retract", 9), view], earlier) == []


@pytest.mark.parametrize(("value", "expected"), [(0.5, -0.5), (3, 0.0), (3.5, 0.0), (4.5, 1.0), (5, 2.0)])
def test_a_rating_has_the_strength_of_the_threshold_it_reaches(value: float, expected: float) -> None:
    assert strength_of_rating(value, GRADES) == expected


def test_strengths_of_several_types_add_up() -> None:
    entries = [entry("rating", 1, 5.0), entry("view", 2), entry("purchase", 3)]
    assert strength(entries, DEFAULT_WEIGHTS, GRADES) == 2.0 + 1.0 + 5.0


@given(
    value=st.floats(0.5, 5),
    grades=st.dictionaries(st.sampled_from([0.0, 1.5, 3.0, 4.0, 5.0]), st.floats(-1, 2), min_size=1),
)
def test_every_rating_has_the_strength_of_the_highest_step_it_reaches(
    value: float, grades: dict[float, float]
) -> None:
    steps = grade_steps(grades)
    reached = [grade for threshold, grade in steps if threshold <= value]
    assert strength_of_rating(value, grades) == (reached[-1] if reached else steps[0][1])


def test_ratings_and_retractions_have_no_weight_in_any_settings() -> None:
    weights = weights_by_type(dict.fromkeys(EVENT_TYPES, 2.0))
    assert dict(zip(EVENT_TYPES, weights, strict=True)) == {
        **dict.fromkeys(EVENT_TYPES, 2.0),
        "rating": 0.0,
        "retract": 0.0,
    }


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([entry("rating", 1, 4.0)], True),
        ([entry("rating", 1, 3.5)], False),
        ([entry("rating", 1, 3.5), entry("view", 1)], True),
        ([entry("purchase", 1), entry("dislike", 1)], False),
        ([entry("dislike", 1)], False),
        ([], False),
    ],
)
def test_an_item_is_positive_if_it_is_liked_and_not_disliked(
    entries: list[HistoryEntry], expected: bool
) -> None:
    assert is_positive(entries, DEFAULT_WEIGHTS, 4.0) is expected
