from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.stored.records import MICROS, Trend
from serving.memory.trending_lists import mass_at

HOUR = 3600


@given(st.lists(st.tuples(st.integers(0, 400_000 * HOUR), st.integers(1, 50)), min_size=1, max_size=20))
def test_the_score_of_a_trending_item_is_the_decayed_sum_of_its_weights(
    events: list[tuple[int, int]],
) -> None:
    trend = Trend()
    for at, weight in events:
        octave = at // HOUR
        trend += Trend({(0, octave): round(weight * 2 ** (at / HOUR - octave) * MICROS)})
    score = trend.score(0)
    assert score is not None
    now = max(at for at, _ in events) + 100
    expected = sum(weight * 2.0 ** ((at - now) / HOUR) for at, weight in events)
    assert mass_at(score, HOUR, now * 1000) == pytest.approx(expected, rel=1e-4)


def test_a_wrong_clock_gives_finite_scores() -> None:
    assert mass_at(0.0, HOUR, 2**60) == pytest.approx(0.0)
    assert mass_at(1e6, HOUR, 0) > 0
