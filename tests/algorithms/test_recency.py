from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algorithms.recency import DAY_MS, recency_weights

histories = st.lists(st.lists(st.integers(0, 5).map(lambda day: day * DAY_MS), max_size=8), max_size=6)
half_lives = st.sampled_from([0.0, 0.5, 1.0, 20.0])


def _csr(rows: list[list[int]]) -> tuple[Any, Any]:
    indptr = np.cumsum([0, *map(len, rows)])
    return indptr, np.array([time for row in rows for time in row], np.int64)


@given(rows=histories, items=half_lives, days=half_lives)
def test_each_weight_follows_its_formula(rows: list[list[int]], items: float, days: float) -> None:
    expected = [
        2.0
        ** -(
            (sum(other > time for other in row) / items if items else 0)
            + ((max(row) - time) / DAY_MS / days if days else 0)
        )
        for row in rows
        for time in row
    ]
    weights = recency_weights(*_csr(rows), half_life_items=items, half_life_days=days)
    assert np.allclose(weights, np.array(expected), rtol=1e-12, atol=0)


@given(rows=histories, seed=st.integers(0, 2**32))
def test_the_order_in_which_a_history_is_given_changes_no_weight(rows: list[list[int]], seed: int) -> None:
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(len(row)) for row in rows]
    shuffled = [[row[at] for at in order] for row, order in zip(rows, orders, strict=True)]
    indptr, _ = _csr(rows)
    places = [start + order for start, order in zip(indptr, orders, strict=False)]
    expected = recency_weights(*_csr(rows), half_life_items=2, half_life_days=3)
    weights = recency_weights(*_csr(shuffled), half_life_items=2, half_life_days=3)
    assert (weights == expected[np.concatenate([np.zeros(0, int), *places])]).all()


def test_without_a_half_life_everything_counts_in_full() -> None:
    assert recency_weights(*_csr([[1, 2], [], [3]])).tolist() == [1.0, 1.0, 1.0]


def test_the_newest_interaction_counts_in_full_and_the_twentieth_newer_one_halves_it() -> None:
    weights = recency_weights(*_csr([list(range(21))]), half_life_items=20)
    assert (weights[20], weights[0]) == (1.0, 0.5)


def test_the_weight_of_the_oldest_of_a_long_history_may_be_zero_but_is_never_an_error() -> None:
    weights = recency_weights(*_csr([list(range(5000))]), half_life_items=1)
    assert weights[0] == 0.0
    assert np.isfinite(weights).all()


def test_a_half_life_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="0 for off"):
        recency_weights(*_csr([[1]]), half_life_items=-1)


def test_times_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="one entry for each interaction"):
        recency_weights(np.array([0, 2]), np.array([1]))
