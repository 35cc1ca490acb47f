from __future__ import annotations

import numpy as np

from ingest.simulated.clicks import DAY_MS, ClickWorld
from ingest.simulated.shop import START_MS

SMALL = ClickWorld(visits=1500, items=200, days=4)


def test_equal_seeds_give_the_same_clicks_in_the_order_of_time() -> None:
    first, again = SMALL.clicks(), ClickWorld(visits=1500, items=200, days=4).clicks()
    for name in ("visits", "items", "times_ms"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
    assert (np.diff(first.times_ms) >= 0).all()
    other = ClickWorld(visits=1500, items=200, days=4, seed=7).clicks()
    assert not np.array_equal(first.items[:500], other.items[:500])


def test_each_visit_has_a_few_clicks_within_minutes_and_visits_are_spread_over_all_days() -> None:
    clicks = SMALL.clicks()
    counts = np.bincount(clicks.visits)
    assert len(counts) == 1500
    assert counts.min() >= 2
    assert np.median(counts) <= 5
    began = np.full(1500, np.iinfo(np.int64).max)
    np.minimum.at(began, clicks.visits, clicks.times_ms)
    assert np.median(clicks.times_ms - began[clicks.visits]) < 10 * 60_000
    assert set(((began - START_MS) // DAY_MS).tolist()) == {0, 1, 2, 3}


def test_the_next_click_is_predicted_by_what_follows_an_item_and_by_what_was_seen_in_the_visit() -> None:
    clicks = SMALL.clicks()
    order = np.lexsort((clicks.times_ms, clicks.visits))
    visits, items = clicks.visits[order], clicks.items[order]
    follows = np.flatnonzero(visits[1:] == visits[:-1])
    pairs = items[follows] * 200 + items[follows + 1]
    usual = np.isin(pairs, np.flatnonzero(np.bincount(pairs, minlength=200 * 200) >= 5))
    assert usual.mean() > 0.4
    again = sum(
        items[place + 1] in items[: place + 1][visits[: place + 1] == visits[place]] for place in follows
    )
    assert 0.15 < again / len(follows) < 0.4
