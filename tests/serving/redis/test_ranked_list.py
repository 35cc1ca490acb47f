from __future__ import annotations

import pytest

from contracts.stored.records import encode_ranked
from serving.redis.model_cache import Model
from serving.redis.ranked_list import RankedList

MODEL = Model("v1", ["a", "b"], ["c"])


def test_a_slice_gives_item_ids_and_leaves_out_unknown_indexes() -> None:
    ranked = RankedList(MODEL, encode_ranked((2, 9, 0), (3.0, 2.0, 1.0)))
    assert len(ranked) == 3
    assert ranked[:] == [("c", 3.0), ("a", 1.0)]
    assert ranked[:1] == [("c", 3.0)]
    assert ranked[2] == ("a", 1.0)
    with pytest.raises(IndexError):
        ranked[1]
