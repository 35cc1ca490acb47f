from __future__ import annotations

import numpy as np

from ingest.simulated.shop import WEEK_MS, ShopWorld


def test_equal_seeds_give_the_same_purchases_in_the_order_of_time() -> None:
    first, again = (ShopWorld(users=30, weeks=5).purchases() for _ in range(2))
    for name in ("users", "items", "times_ms"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
    assert (np.diff(first.times_ms) >= 0).all()
    other = ShopWorld(users=30, weeks=5, seed=7).purchases()
    assert not np.array_equal(first.items, other.items[: len(first.items)])


def test_most_of_a_basket_was_bought_before_and_no_item_is_in_it_twice() -> None:
    found = ShopWorld(users=100).purchases()
    weeks = (found.times_ms - found.times_ms.min() + WEEK_MS // 20) // WEEK_MS
    seen = set[tuple[int, int]]()
    again = late = 0
    for user, item, week in zip(found.users.tolist(), found.items.tolist(), weeks.tolist(), strict=True):
        if week >= 10:
            late += 1
            again += (user, item) in seen
        seen.add((user, item))
    assert 0.5 < again / late < 0.9
    baskets = np.column_stack([found.users, found.items, found.times_ms // (2 * 3_600_000)])
    assert len(np.unique(baskets, axis=0)) == len(baskets)
