from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streaming.backlog import by_topic, count_between, slice_of

sources = st.sampled_from(["interactions:0", "interactions:1", "catalog:0"])
counts = st.dictionaries(sources, st.integers(0, 10**7), min_size=1)


@given(counts, st.integers(1, 10**6), st.integers(0, 10**6))
def test_slices_end_where_the_backlog_does_and_none_is_much_larger_than_asked(
    left: dict[str, int], most: int, begin: int
) -> None:
    starts = dict.fromkeys(left, begin)
    ends = {source: begin + count for source, count in left.items()}
    part = slice_of(starts, ends, most)
    assert part.keys() == ends.keys()
    assert all(starts[source] <= part[source] <= ends[source] for source in ends)
    assert count_between(starts, part) <= most + len(ends)
    assert count_between(starts, part) >= min(most, count_between(starts, ends))


def test_a_partition_that_shrank_holds_nothing_more() -> None:
    assert count_between({"a:0": 9}, {"a:0": 4, "b:0": 3}) == 3
    assert slice_of({"a:0": 9, "b:0": 0}, {"a:0": 4, "b:0": 3}, 10) == {"a:0": 9, "b:0": 3}


def test_offsets_become_sparks_form() -> None:
    found = by_topic({"interactions:0": 5, "interactions:1": 0, "catalog:0": 7})
    assert found == {"interactions": {"0": 5, "1": 0}, "catalog": {"0": 7}}
