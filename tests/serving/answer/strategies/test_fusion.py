from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.answer.strategies.fusion import SMOOTHING, fuse

LISTS = st.lists(st.tuples(st.floats(0.1, 5), st.lists(st.sampled_from("abcdef"), unique=True)), max_size=4)


def test_an_item_in_two_lists_ranks_above_items_in_one_list() -> None:
    found = fuse([(1.0, ["a", "b"]), (1.0, ["b", "c"])])
    assert [item for item, _ in found] == ["b", "a", "c"]
    assert found[0][1] == pytest.approx(1 / (SMOOTHING + 2) + 1 / (SMOOTHING + 1))


def test_weights_decide_between_lists_and_equal_ones_stay_in_order() -> None:
    assert [item for item, _ in fuse([(1.0, "ab"), (3.0, "cd")])] == ["c", "d", "a", "b"]
    assert [item for item, _ in fuse([(1.0, "a"), (1.0, "b")])] == ["a", "b"]


@given(LISTS)
def test_every_item_comes_once_best_first(lists: list[tuple[float, list[str]]]) -> None:
    found = fuse(lists)
    assert {item for item, _ in found} == {item for _, items in lists for item in items}
    assert len({item for item, _ in found}) == len(found)
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
