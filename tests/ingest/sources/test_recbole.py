from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Written = Callable[..., Path]


def test_typed_headers_give_the_columns_in_any_order(write_file: Written, read_back: Any) -> None:
    path = write_file(
        "ml.inter", "item_id:token\tuser_id:token\ttimestamp:float\trating:float\n242\t196\t881250949\t3\n"
    )
    assert read_back(path).rows == [("rating", "196", "242", 3.0, 881_250_949_000)]


def test_interactions_without_a_rating_are_views(write_file: Written, read_back: Any) -> None:
    path = write_file("g.inter", "user_id:token\titem_id:token\ttimestamp:float\na\tb\t881250949.0\n")
    assert read_back(path).rows == [("view", "a", "b", 1.0, 881_250_949_000)]


def test_items_and_users_are_read_from_files_with_the_same_name(write_file: Written, read_back: Any) -> None:
    header = "user_id:token\titem_id:token\n"
    write_file("ml.test.inter", header + "3\t4\n")
    folder = write_file("ml.train.inter", header + "1\t2\n").parent
    write_file(
        "ml.item",
        "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
        "2\tToy Story\t1995\tComedy Drama\n",
    )
    write_file("ml.user", "user_id:token\tage:token\n1\t24\n")
    read = read_back(folder)
    assert sorted(row[1] for row in read.rows) == ["1", "3"]
    item, user = read.catalog
    assert (item.title, item.categories, item.attributes) == (
        "Toy Story",
        ("Comedy", "Drama"),
        {"release_year": "1995"},
    )
    assert user.attributes == {"age": "24"}
