"""Which lists are kept from the last version; tests/integration/test_training_rounds.py tests the writing."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from algorithms.neighbours.product_scan import FactorLists
from contracts.stored.records import encode_ranked
from training.lists.ranked_lists import RankedRows, rank_bucket
from training.lists.users import still_good_lists

ITEMS = np.array([[1.0], [0.99], [0.5], [0.1]], np.float32)


def rank(known: list[tuple[int, int]]) -> RankedRows:
    """Two users with one taste, lists of two."""
    rows = pa.table(
        {"row": pa.array([7, 3], pa.int32()), "features": pa.array([[1.0], [1.0]], pa.list_(pa.float32()))}
    )
    pairs = pa.table({"row": [row for row, _ in known], "column": [column for _, column in known]})
    pairs = pairs.cast(pa.schema([("row", pa.int32()), ("column", pa.int32())]))
    return rank_bucket(rows, pairs, FactorLists(ITEMS), 2)


def test_a_bucket_of_users_is_ranked_without_their_known_items() -> None:
    found = rank([(3, 0), (99, 1), (3, 2), (7, 1)])
    assert found.columns.tolist() == [[0, 2], [1, 3]]
    assert found.known_indptr.tolist() == [0, 1, 3]
    one = found.select(np.array([1]))
    assert (one.columns.tolist(), one.known_indptr.tolist(), one.known.tolist()) == ([[1, 3]], [0, 2], [0, 2])


def test_a_list_in_redis_is_kept_if_it_is_as_good_but_not_if_it_is_missing_or_damaged() -> None:
    new = rank([(7, 2), (3, 2)])
    swapped = encode_ranked([1, 0], [0.9, 0.8])
    assert still_good_lists([swapped, None], new, 0.02).tolist() == [True, False]
    strange = [encode_ranked([0, 400], [1, 1]), encode_ranked([0, 1, 3], [1, 1, 1])]
    assert not still_good_lists(strange, new, 0.02).any()
    # An item that has become known leaves no entry.
    assert not still_good_lists([encode_ranked([0, 2], [1, 1]), b""], new, 0.9).any()
