from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from serving.answer.strategies.demographic import weights_of


@given(st.integers(0, 7))
def test_the_narrowest_segment_counts_as_much_as_all_others(lists: int) -> None:
    weights = weights_of(lists)
    assert len(weights) == lists
    if lists > 1:
        assert weights[0] == sum(weights[1:])
    assert all(weight > 0 for weight in weights)
