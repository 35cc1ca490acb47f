from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingest.files.recbole import atomic_files
from ingest.files.rejected_lines import SourceError

Written = Callable[..., Path]


def test_typed_headers_give_the_columns_in_any_order(written: Written, read_back: Any) -> None:
    path = written(
        "ml.inter", "item_id:token\tuser_id:token\ttimestamp:float\trating:float\n242\t196\t881250949\t3\n"
    )
    assert read_back(atomic_files([path])).rows == [("rating", "196", "242", 3.0, 881_250_949_000)]


def test_interactions_without_a_rating_are_views(written: Written, read_back: Any) -> None:
    path = written("g.inter", "user_id:token\titem_id:token\ttimestamp:float\na\tb\t881250949.0\n")
    assert read_back(atomic_files([path])).rows == [("view", "a", "b", 1.0, 881_250_949_000)]


def test_items_and_users_come_from_the_files_of_the_same_name(written: Written, read_back: Any) -> None:
    header = "user_id:token\titem_id:token\n"
    paths = [written("ml.train.inter", header + "1\t2\n"), written("ml.test.inter", header + "3\t4\n")]
    written(
        "ml.item",
        "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
        "2\tToy Story\t1995\tComedy Drama\n",
    )
    written("ml.user", "user_id:token\tage:token\n1\t24\n")
    read = read_back(atomic_files(paths))
    assert [row[1] for row in read.rows] == ["1", "3"]
    item, user = read.catalog
    assert (item.title, item.categories, item.attributes) == (
        "Toy Story",
        ("Comedy", "Drama"),
        {"release_year": "1995"},
    )
    assert user.attributes == {"age": "24"}


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("user_id:token\trating:float", "has no field 'item_id'"),
        ("user_id\titem_id", "'user_id' has no type"),
    ],
)
def test_a_wrong_header_is_explained(header: str, message: str, written: Written) -> None:
    with pytest.raises(SourceError, match=message):
        atomic_files([written("x.inter", header + "\n1\t2\n")])
