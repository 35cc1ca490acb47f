from __future__ import annotations

import numpy as np

from ingest.simulated.news import HOUR_MS, NewsWorld

SMALL = NewsWorld(users=60, articles=120, hours=36)


def test_equal_seeds_give_the_same_reads_in_the_order_of_time() -> None:
    first, again = SMALL.reads(), NewsWorld(users=60, articles=120, hours=36).reads()
    for name in ("users", "items", "times_ms"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
    assert (np.diff(first.times_ms) >= 0).all()
    other = NewsWorld(users=60, articles=120, hours=36, seed=7).reads()
    assert not np.array_equal(first.items, other.items[: len(first.items)])


def test_articles_are_read_once_and_after_their_publication_and_mostly_within_hours() -> None:
    reads = SMALL.reads()
    assert len(np.unique(np.column_stack([reads.users, reads.items]), axis=0)) == len(reads.users)
    age = (reads.times_ms - SMALL.rises_ms[reads.items]) / HOUR_MS
    assert age.min() >= 0
    assert np.median(age) < 6


def test_an_article_is_read_more_while_it_has_more_appeal() -> None:
    reads, better = SMALL.reads(), 0
    for item, moment in zip(reads.items.tolist(), reads.times_ms.tolist(), strict=True):
        appeal = SMALL.appeal(moment)
        better += int((appeal > appeal[item]).sum())
    assert better / len(reads.items) < 10
