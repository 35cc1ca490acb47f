from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from algorithms.list_drift import still_good
from algorithms.top_n import top_n


def nothing_known(users: int) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros(users + 1, np.int64), np.empty(0, np.int32)


@given(st.integers(0, 2**32), st.integers(1, 12))
def test_an_unchanged_list_is_kept_and_one_with_a_known_or_missing_item_is_not(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    users = np.abs(rng.standard_normal((5, 3))).astype(np.float32)
    items = np.abs(rng.standard_normal((20, 3))).astype(np.float32)
    found, scores = top_n(users, items, *nothing_known(5), n)
    assert still_good(found, scores, users, items, *nothing_known(5), 1e-5).all()
    # One user comes to know an item of the list.
    indptr = np.array([0, 0, 1, 1, 1, 1], np.int64)
    kept = still_good(found, scores, users, items, indptr, found[1, -1:], 0.5)
    assert kept.tolist() == [True, False, True, True, True]
    shorter = found.copy()
    shorter[3, -1] = -1
    assert still_good(shorter, scores, users, items, *nothing_known(5), 1.0).tolist()[3] is False


def test_the_loss_of_a_kept_list_is_bounded_at_every_place() -> None:
    items = np.array([[1.0], [0.99], [0.5], [0.0]], np.float32)
    users = np.ones((3, 1), np.float32)
    new = np.tile(np.float32([1.0, 0.99]), (3, 1))
    # Two neighbours changed places; a far worse item came second; an item is no longer in the model.
    old = np.array([[1, 0], [0, 2], [0, 3]], np.int32)
    assert still_good(old, new, users, items, *nothing_known(3), 0.02).tolist() == [True, False, False]
    assert still_good(old, new, users, items, *nothing_known(3), 0.3).tolist() == [True, True, False]
    assert not still_good(old, new, users, items, *nothing_known(3), 0.0).any()
