"""Deviations against numpy's, and of scores that are all alike."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algorithms.blending.deviation import deviation_of_sums, deviations


def test_a_signal_that_scores_all_items_alike_has_no_effect() -> None:
    assert deviations(np.array([[0.1] * 7, [0.0] * 7])).tolist() == [np.inf, np.inf]
    assert deviations(np.array([[1.0, 3.0]]))[0] == 1.0


@given(seed=st.integers(0, 999), users=st.integers(2, 9), items=st.integers(1, 3000))
def test_the_deviation_of_a_user_is_the_same_bits_among_others(seed: int, users: int, items: int) -> None:
    scores = np.random.default_rng(seed).normal(2, 3, (users, items))
    alone = [deviations(scores[user : user + 1])[0] for user in range(users)]
    assert deviations(scores).tolist() == alone
    np.testing.assert_allclose(alone, np.where(items > 1, scores.std(axis=1), np.inf))


def test_sums_over_what_is_not_zero_give_the_deviation_over_all_items() -> None:
    scores = np.zeros(50)
    scores[:5] = [1.0, -2.0, 0.5, 4.0, 3.0]
    found = deviation_of_sums(scores[:5].sum(), scores[:5] @ scores[:5], 50)
    assert found == pytest.approx(scores.std())
    assert deviation_of_sums(0.0, 0.0, 50) == np.inf
