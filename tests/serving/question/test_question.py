from __future__ import annotations

import pytest

from serving.question.list_options import ListOptions


@pytest.mark.parametrize("wish", ["diversity", "per_category", "freshness", "rotation"])
def test_whoever_wishes_another_order_gets_a_larger_pool(wish: str) -> None:
    assert not ListOptions(10, offset=5, known="keep").is_reranked
    assert ListOptions(10, **{wish: 1}).is_reranked  # type: ignore[arg-type]


def test_further_items_to_leave_out_join_those_named_already() -> None:
    options = ListOptions(10, exclude=frozenset({"a"}), diversity=0.5)
    assert options.excluding(["b"]) == ListOptions(10, exclude={"a", "b"}, diversity=0.5)
