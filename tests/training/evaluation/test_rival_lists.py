from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.evaluation.held_out import HeldOut, MeasurableUsers, MeasuredHistories
from training.evaluation.rival_lists import best_half_life, by_score, fill_up, item_knn, random_lists

NAN = float("nan")


def histories(rows: list[list[int]], strength: float = 1.0, time: int = 0) -> MeasuredHistories:
    items = np.array([item for row in rows for item in sorted(row)], np.int32)
    indptr = np.cumsum([0, *map(len, rows)]).astype(np.int64)
    many = len(items)
    return MeasuredHistories(
        indptr, items, np.full(many, strength), np.full(many, NAN), np.full(many, True), np.full(many, time)
    )


def test_popularity_lists_leave_out_known_items_and_items_without_interactions() -> None:
    scores = np.array([5.0, 0.0, 3.0, 9.0])
    lists = by_score(scores, histories([[3], [], [0, 2, 3]]), 3)
    assert lists.tolist() == [[0, 2, -1], [3, 0, 2], [-1, -1, -1]]


@given(
    scores=st.lists(st.integers(0, 4), min_size=1, max_size=40),
    users=st.lists(st.sets(st.integers(0, 39)), max_size=6),
    k=st.integers(1, 5),
)
def test_popularity_lists_hold_the_first_unknown_items_by_score_and_then_by_index(
    scores: list[int], users: list[set[int]], k: int
) -> None:
    rows = [sorted(item for item in user if item < len(scores)) for user in users]
    order = sorted((item for item in range(len(scores)) if scores[item]), key=lambda item: -scores[item])
    wanted = [[item for item in order if item not in row][:k] for row in rows]
    lists = by_score(np.array(scores, float), histories(rows), k)
    assert [[item for item in row if item >= 0] for row in lists.tolist()] == wanted


def test_a_short_list_is_filled_up_without_repeated_items() -> None:
    lists = np.array([[4, -1, -1], [-1, -1, -1], [1, 2, 3]], np.int32)
    fallback = np.array([[4, 5, 6], [7, 8, -1], [9, 9, 9]], np.int32)
    assert fill_up(lists, fallback).tolist() == [[4, 5, 6], [7, 8, -1], [1, 2, 3]]


def test_neighbours_find_the_held_out_squares_of_a_checkerboard() -> None:
    rows = [[i for i in range(8) if i % 2 == u % 2 and i != (u + 2) % 8] for u in range(8)]
    lists = item_knn(histories(rows), 8, 1)
    assert lists[:, 0].tolist() == [(u + 2) % 8 for u in range(8)]


def test_making_lists_does_not_change_the_histories() -> None:
    learnt = histories([[0, 1, 2], [1, 3]])
    learnt.strengths[1] = -0.5
    columns = [column for column in vars(learnt).values() if column is not None]
    before = [column.copy() for column in columns]
    item_knn(learnt, 5, 2)
    for now, then in zip(columns, before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_dislikes_and_empty_histories_give_no_neighbours() -> None:
    assert (item_knn(histories([[0, 1]], strength=-1.0), 3, 2) == -1).all()
    assert item_knn(histories([]), 3, 2).shape == (0, 2)


def test_only_the_newest_part_of_a_long_history_gives_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [list(range(30)) for _ in range(3)] + [[0, 1]]
    monkeypatch.setattr("training.evaluation.rival_lists._LONGEST", 5)
    lists = item_knn(histories(rows), 31, 4)
    assert set(lists[3].tolist()) == {2, 3, 4, -1}


def test_random_lists_hold_unknown_items_of_the_catalogue_and_are_equal_for_equal_seeds() -> None:
    catalogue = np.arange(20) % 2 == 0
    learnt = histories([[0, 2, 4], [], [2 * n for n in range(9)]])
    lists = random_lists(catalogue, learnt, 4, seed=5)
    assert np.array_equal(lists, random_lists(catalogue, learnt, 4, seed=5))
    for row, listed in enumerate(lists.tolist()):
        found = [item for item in listed if item >= 0]
        known = learnt.items[learnt.indptr[row] : learnt.indptr[row + 1]].tolist()
        assert len(found) == len(set(found)) == min(4, 10 - len(known))
        assert all(item % 2 == 0 and item not in known for item in found)


def test_each_unknown_item_is_as_likely_as_any_other_in_random_lists() -> None:
    lists = random_lists(np.arange(12) != 5, histories([[0, 1]] * 2000), 3, seed=1)
    counts = np.bincount(lists.ravel(), minlength=12)
    assert not counts[[0, 1, 5]].any()
    # A binomial of 2,000 draws with 1/3: five standard deviations are 105.
    assert np.abs(counts[counts > 0] - 2000 / 3).max() < 105


def test_the_half_life_is_chosen_on_a_past_period() -> None:
    learnt = histories([[0, 3], [1, 3]])
    times = np.array([10, 99, 10, 99])
    learnt = replace(learnt, times=times)
    held_out = HeldOut(learnt, histories([[], []]), MeasurableUsers(2, 2, 2))
    recent = {60: np.array([0.0, 0, 1, 5]), 3600: np.array([0.0, 0, 5, 1])}
    assert best_half_life(recent, held_out, until=50, k=1) == 60
    assert best_half_life(recent, held_out, until=100, k=1) == 3600  # nothing came later: the longest
