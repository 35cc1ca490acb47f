from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.page.rising import LEAST_MASS, LEAST_TIMES, Rising, rising

MASSES = st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 1e6))


def test_an_item_with_its_usual_share_of_the_events_does_not_rise() -> None:
    assert rising([("steady", 10.0), ("other", 20.0)], {"steady": 240.0, "other": 480.0}) == []


def test_without_older_events_no_item_rises() -> None:
    masses = {"often": 90.0, "seldom": 10.0}
    assert rising(masses.items(), masses) == []


def test_the_most_certain_riser_comes_first_with_the_factor_of_its_rise() -> None:
    short = [("twice", 100.0), ("new", 6.0), ("three times", 15.0), ("rare", LEAST_MASS - 1)]
    usual = {"twice": 1200.0, "three times": 120.0, "falling": 1680.0}  # 24 times as much as in short: 125
    assert rising(short, usual) == [Rising("twice", 2.0), Rising("new", None), Rising("three times", 3.0)]


@given(MASSES, MASSES)
def test_a_rising_item_has_many_events_and_more_than_its_usual_share(
    short: dict[str, float], usual: dict[str, float]
) -> None:
    ratio = sum(short.values()) / (sum(usual.values()) or 1.0)
    for item_id, times in rising(short.items(), usual):
        assert short[item_id] >= LEAST_MASS
        assert times is None or times >= LEAST_TIMES
        if times is not None:
            assert times == pytest.approx(short[item_id] / (usual[item_id] * ratio))
