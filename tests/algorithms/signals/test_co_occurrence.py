from __future__ import annotations

import numpy as np
import pytest

from algorithms.signals import co_occurrence as module
from algorithms.signals.co_occurrence import co_occurrence, dense_users, distinct_items
from tests.algorithms.signals.worlds import of_events, random_histories


@pytest.mark.parametrize("dense_share", [0.0, 0.4, 1.0])
def test_a_count_is_the_number_of_users_who_have_both_items(
    dense_share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_DENSE_SHARE", dense_share)
    monkeypatch.setattr(module, "_BLOCK_PAIRS", 20)
    indptr, items = distinct_items(random_histories(users=40, events=200))
    seen = dense_users(indptr, items, 12, np.arange(40))
    assert np.array_equal(co_occurrence(indptr, items, 12), seen.T @ seen)


def test_an_item_twice_in_a_history_counts_once() -> None:
    indptr, items = distinct_items(of_events([(0, 1, 1), (0, 1, 2), (0, 2, 3)], users=1))
    assert co_occurrence(indptr, items, 3)[1].tolist() == [0, 1, 1]


def test_items_that_nobody_has_have_no_counts() -> None:
    indptr, items = distinct_items(of_events([(1, 2, 1)], users=3))
    counts = co_occurrence(indptr, items, 5)
    assert counts.sum() == counts[2, 2] == 1
