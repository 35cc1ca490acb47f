from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.page.rising import LEAST_MASS, LEAST_TIMES, Rising, rising

MASSES = st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 1e6))


def test_an_item_that_is_met_as_often_as_usual_does_not_rise() -> None:
    assert rising([("steady", 10.0)], {"steady": 240.0}, 1 / 24) == []


def test_the_surest_comes_first_and_says_how_many_times_as_often() -> None:
    short = [("twice", 100.0), ("new", 6.0), ("three times", 15.0), ("rare", LEAST_MASS - 0.1)]
    usual = {"twice": 1200.0, "three times": 120.0}
    assert rising(short, usual, 1 / 24) == [
        Rising("twice", 2.0),
        Rising("new", None),
        Rising("three times", 3.0),
    ]


@given(MASSES, MASSES, st.floats(0.001, 0.999))
def test_what_rises_is_met_often_and_more_than_usual(
    short: dict[str, float], usual: dict[str, float], ratio: float
) -> None:
    for item_id, times in rising(short.items(), usual, ratio):
        assert short[item_id] >= LEAST_MASS
        assert times is None or times >= LEAST_TIMES
        if times is not None:
            assert times == pytest.approx(short[item_id] / (usual[item_id] * ratio))
