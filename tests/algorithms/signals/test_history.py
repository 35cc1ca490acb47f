from __future__ import annotations

import numpy as np
import pytest

from algorithms.signals.history import (
    NEGATIVE_GRADE,
    UNKNOWN,
    Histories,
    Moments,
    from_events,
    from_items,
    grade_entries,
    grade_ratings,
)
from tests.algorithms.signals.worlds import HOUR, of_events, random_histories


def test_each_users_newest_event_comes_first() -> None:
    histories = of_events([(1, 10, 5), (0, 11, 3), (1, 12, 9), (1, 13, 7)], users=2)
    assert histories.indptr.tolist() == [0, 1, 4]
    assert histories.items.tolist() == [11, 12, 13, 10]
    assert histories.times_ms.tolist() == [3, 9, 7, 5]
    assert histories.now_ms.tolist() == [3, 9]


def test_of_two_events_at_one_moment_the_later_in_the_input_is_the_newer() -> None:
    assert of_events([(0, 1, 5), (0, 2, 5)], users=1).items.tolist() == [2, 1]


def test_entries_of_one_moment_have_the_same_number_of_newer_entries() -> None:
    histories = of_events([(0, 1, 5), (0, 2, 5), (0, 3, 9), (0, 4, 1), (1, 5, 5), (1, 6, 5)], users=2)
    assert histories.newer.tolist() == [0, 1, 1, 3, 0, 0]


def test_only_the_newest_entry_of_a_known_item_is_marked() -> None:
    histories = of_events([(0, 1, 1), (0, 2, 2), (0, 1, 3), (0, UNKNOWN, 4), (1, 1, 1)], users=2)
    assert histories.items.tolist() == [UNKNOWN, 1, 2, 1, 1]
    assert histories.is_newest_of_item.tolist() == [False, True, True, False, True]


def test_the_hours_since_the_last_event_are_never_negative_and_infinite_without_one() -> None:
    events = of_events([(0, 1, HOUR), (2, 1, 9 * HOUR)], users=3)
    asked = events.asked_at(np.array([3 * HOUR, HOUR, HOUR]))
    assert asked.hours_since_last.tolist() == [2.0, np.inf, 0.0]


@pytest.mark.parametrize("times", [(5, 9, 7), (5, 9, 5), (), (6,)])
def test_ages_and_newest_entries_of_a_history_are_the_same_among_others(times: tuple[int, ...]) -> None:
    mine = [(0, item % 2, HOUR * time) for item, time in enumerate(times)]
    alone = of_events(mine, users=1).asked_at(np.array([8 * HOUR]))
    among = of_events([*mine, (1, 3, HOUR)], users=2).asked_at(np.array([8 * HOUR, HOUR]))
    assert alone.newer.tolist() == among.newer.tolist()[:-1]
    assert alone.is_newest_of_item.tolist() == among.is_newest_of_item.tolist()[:-1]
    assert alone.hours_since_last.tolist() == among.hours_since_last.tolist()[:-1]


def test_a_selection_of_users_and_entries_keeps_their_data() -> None:
    histories = random_histories()
    chosen = histories.select(np.array([7, 2]))
    for place, user in enumerate((7, 2)):
        row = slice(histories.indptr[user], histories.indptr[user + 1])
        assert chosen.items[chosen.indptr[place] : chosen.indptr[place + 1]].tolist() == (
            histories.items[row].tolist()
        )
    liked = histories.where(histories.grades >= 1)
    assert (liked.grades >= 1).all()
    assert np.array_equal(liked.owners, histories.owners[histories.grades >= 1])
    assert np.array_equal(histories.rows(3, 9).items, histories.select(np.arange(3, 9)).items)


def test_users_without_an_event_have_empty_rows() -> None:
    histories = of_events([], users=3)
    assert len(histories) == 3
    assert histories.newer.tolist() == []
    assert histories.hours_since_last.tolist() == [np.inf] * 3


def test_arrays_that_do_not_fit_are_refused() -> None:
    one, two = np.zeros(1, np.int64), np.zeros(2, np.int64)
    with pytest.raises(ValueError, match="one entry for each event"):
        from_events(one, two, one, user_count=1)
    with pytest.raises(ValueError, match="users must be from 0 to 0"):
        from_events(one + 1, one, one, user_count=1)


def test_a_rating_has_the_grade_of_the_largest_key_not_above_it() -> None:
    assert grade_ratings(np.array([0.5, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0])).tolist() == (
        [-0.3, -0.3, 0.3, 0.3, 1.0, 1.0, 1.2]
    )


def test_an_item_has_its_best_grade_unless_it_is_disliked() -> None:
    assert grade_entries([("view", 1.0), ("rating", 5.0)]) == 1.2
    assert grade_entries([("rating", 2.0)]) == NEGATIVE_GRADE
    assert grade_entries([("purchase", 1.0), ("dislike", 1.0)]) == NEGATIVE_GRADE
    assert grade_entries([]) == 0.0


def of_items(moments: Moments | None) -> Histories:
    """One user has items 1 and 4, another user item 4."""
    return from_items(
        np.array([0, 0, 1]),
        np.array([1, 4, 4]),
        np.array([50, 70, 20]),
        user_count=2,
        grades=np.array([1.0, 1.2, -0.3]),
        strengths=np.array([1.0, 2.0, -0.5]),
        moments=moments,
    )


def test_an_earlier_moment_is_an_entry_with_the_items_present_grade() -> None:
    moments = Moments(np.array([1, 0, 0]), np.array([4, 1, 4]), np.array([10, 70, 60]))
    histories = of_items(moments)
    assert histories.indptr.tolist() == [0, 4, 6]
    # Both items have an event at 70; the one with the higher number counts as newer.
    assert histories.items.tolist() == [4, 1, 4, 1, 4, 4]
    assert histories.times_ms.tolist() == [70, 70, 60, 50, 20, 10]
    assert histories.grades.tolist() == [1.2, 1.0, 1.2, 1.0, -0.3, -0.3]
    assert histories.strengths.tolist() == [2.0, 1.0, 2.0, 1.0, -0.5, -0.5]
    assert histories.now_ms.tolist() == [70, 20]


def test_without_moments_there_is_one_entry_an_item() -> None:
    nothing = np.array([], np.int64)
    for moments in (None, Moments(nothing, nothing, nothing)):
        assert of_items(moments).items.tolist() == [4, 1, 4]


def test_a_moment_of_an_item_outside_of_the_history_is_refused() -> None:
    with pytest.raises(ValueError, match="row of its user"):
        of_items(Moments(np.array([1]), np.array([1]), np.array([3])))
