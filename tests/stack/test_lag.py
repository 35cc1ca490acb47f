from __future__ import annotations

from stack.lag import events_in, lag


def test_lag_is_what_the_topics_have_and_the_query_has_not_applied() -> None:
    ends = {"interactions:0": 10, "interactions:1": 4, "catalog:0": 3}
    assert lag(ends, {}) == 17
    assert lag(ends, {"interactions:0": 7, "interactions:1": 4, "catalog:0": 5}) == 3


def test_only_interactions_count_as_events() -> None:
    assert events_in({"interactions:0": 10, "interactions:1": 4, "catalog:0": 3}) == 14
