"""Outcomes: their text, and that they sum up as the figures do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.live_figures import BATCH, FALLBACK, SERVED_LISTS, figures_of
from contracts.live_outcomes import Outcome, Scored, day_fields

AT = 1_767_225_600_000
RANKS = st.none() | st.integers(1, 120)
SCORED = st.builds(Scored, st.text(min_size=1), st.sampled_from(SERVED_LISTS), RANKS, RANKS, RANKS)
NUMBERS = st.integers(0, 1 << 50)


@given(st.builds(Outcome, NUMBERS, NUMBERS, NUMBERS, NUMBERS, SCORED))
def test_an_outcome_is_one_line_and_read_as_it_was_written(outcome: Outcome) -> None:
    line = outcome.encode()
    assert "\n" not in line
    assert Outcome.decode(line) == outcome == Outcome.decode(line.encode())


@pytest.mark.parametrize("text", ["", "[1,2]", '{"a": 1}', '[1,2,3,4,"v","served:als",1,2]'])
def test_a_text_that_is_not_an_outcome_is_refused(text: str) -> None:
    with pytest.raises((ValueError, TypeError)):
        Outcome.decode(text)


def test_outcomes_are_added_up_by_day_and_hour_and_version() -> None:
    hit, miss = Scored("v", BATCH, 1, 1, 4), Scored("v", FALLBACK, None, None, None)
    found = day_fields([(AT, hit, 2), (AT + 3_600_000, miss, 1), (AT + 86_400_000, hit, 1)])
    assert list(found) == ["20260101", "20260102"]
    first = figures_of(found["20260101"])
    assert first[0, "v"].served_lists.events == first[0, "v"].served_lists.hits == 2
    assert (first[1, "v"].served_lists.events, first[1, "v"].served_lists.hits) == (1, 0)
    assert first[0, "v"].beside["popular"].reciprocal_micros == 500_000
