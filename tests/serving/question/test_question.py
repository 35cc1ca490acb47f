from __future__ import annotations

import pytest

from serving.question.list_options import ListOptions


@pytest.mark.parametrize("wish", ["diversity", "per_category", "freshness", "rotation"])
def test_options_that_change_the_order_count_as_reranking(wish: str) -> None:
    assert not ListOptions(10, offset=5, known="keep").is_reranked
    assert ListOptions(10, **{wish: 1}).is_reranked  # type: ignore[arg-type]


def test_further_excluded_items_are_added_to_those_of_the_request() -> None:
    options = ListOptions(10, exclude=frozenset({"a"}), diversity=0.5)
    assert options.excluding(["b"]) == ListOptions(10, exclude={"a", "b"}, diversity=0.5)
