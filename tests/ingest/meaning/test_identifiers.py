"""What the ids of a file are: numbers in several notations, text, and what cannot be an id."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

Written = Callable[..., Path]
LOST = "has lost its digits in a spreadsheet or as a float: export that column as text"
STEAM = 7.656119801234568e16


def _csv(*users: str) -> str:
    return "user;item\n" + "".join(f"{user};i{n}\n" for n, user in enumerate(users))


@pytest.mark.parametrize(
    ("users", "wanted", "words"),
    [
        (("1,234", "12", "1,234,567"), ["1234", "12", "1234567"], "1,234 is taken as 1234"),
        (("1,234", "ab"), ["1,234", "ab"], ""),
        (("12,34", "1"), ["12,34", "1"], ""),
        (("998", "999", "1.000"), ["998", "999", "1.000"], "user ids such as '1.000' are kept as text"),
        (("1.234", "1.235"), ["1.234", "1.235"], "user ids such as '1.234' are kept as text"),
        (('"=""007"""', "8"), ["007", "8"], '="007" is taken as 007'),
        (("7.0", "8.0000"), ["7", "8"], "7.0 is taken as 7"),
        (
            ("caf\u00e9", "cafe\u0301"),
            ["caf\u00e9", "cafe\u0301"],
            r"kept apart, such as 'cafe\u0301' and 'café'",
        ),
        (("ab", "a\u200bb"), ["ab", "a\u200bb"], r"kept apart, such as 'a\u200bb' and 'ab'"),
    ],
)
def test_the_block_says_how_ids_are_taken_that_may_be_meant_otherwise(
    users: tuple[str, ...], wanted: list[str], words: str, write_file: Written, read_back: Any
) -> None:
    read = read_back(write_file("x.csv", _csv(*users)))
    assert [event.user_id for event in read.events] == wanted
    assert words in read.block
    assert words or "  ids" not in read.block


def _parquet(tmp_path: Path) -> bytes:
    path = tmp_path / "written.parquet"
    pq.write_table(pa.table({"user": [STEAM, STEAM], "item": [1, 2]}), path)
    return path.read_bytes()


@pytest.mark.parametrize("kind", ["CSV", "JSON", "Parquet"])
def test_an_id_that_became_a_float_and_lost_its_digits_is_refused(
    kind: str, tmp_path: Path, write_file: Written, read_back: Any
) -> None:
    contents = {
        "CSV": _csv(str(STEAM), "1.0").encode(),
        "JSON": "".join(json.dumps({"user": STEAM, "item": n}) + "\n" for n in range(2)).encode(),
        "Parquet": _parquet(tmp_path),
    }
    read = read_back(write_file("file", contents[kind]))
    assert read.rejected == (1 if kind == "CSV" else 2)
    assert LOST in read.shown[0]


def test_text_that_looks_like_a_large_float_is_an_id_among_text(write_file: Written, read_back: Any) -> None:
    read = read_back(write_file("x.csv", _csv("1e30", "5f3a")))
    assert [event.user_id for event in read.events] == ["1e30", "5f3a"]
    whole = '{"user": 12345678901234567890123, "item": "1e30"}\n'
    assert read_back(write_file("x.json", whole)).rows[0][1:3] == ("12345678901234567890123", "1e30")


def test_an_id_that_is_missing_is_refused_with_the_name_of_another_column(
    write_file: Written, read_back: Any
) -> None:
    content = "".join(json.dumps({"user_id": None, "anonymousId": n, "item": 1}) + "\n" for n in range(3))
    read = read_back(write_file("x.json", content))
    assert read.rejected == 3
    assert "--columns user=NAME takes another column, such as anonymousId" in read.shown[0]


def test_a_guessed_column_that_holds_one_item_for_all_users_is_refused(
    write_file: Written, read_back: Any
) -> None:
    content = "app_id,user_id,label_of_it\n" + "".join(f"shop,{n % 5},S{n}\n" for n in range(30))
    path = write_file("x.csv", content)
    read = read_back(path)
    assert (read.events, read.rejected) == ([], 30)
    assert "all rows have the item 'shop': --columns item=NAME" in read.shown[0]
    assert len(read_back(path, columns="item=label_of_it").events) == 30
    assert len(read_back(path, columns="item=app_id").events) == 30
