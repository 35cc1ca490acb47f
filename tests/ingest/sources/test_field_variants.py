"""Variants of the field cases that earlier code misread, or refused without a cure."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.files.rejected_lines import SourceError

Written = Callable[..., Path]
HEADER = "user,item,rating,timestamp\n"
PAIRS = [(user, item) for user in range(1, 6) for item in range(1, 5)]


def _csv(header: str, line: str, **more: Any) -> str:
    """Twenty rows; ``line`` is a format of user, item, value (1 to 5) and time."""
    return header + "".join(
        line.format(u=u, i=i, v=(u + i) % 5 + 1, t=1_500_000_000 + 100 * u + i, **more) + "\n"
        for u, i in PAIRS
    )


# A content -> the options, the first event (type, user, item, value), and words of the block.
TAKEN: dict[str, tuple[str | bytes, dict[str, Any], tuple[Any, ...], str]] = {
    "JSON with objects in it": (
        json.dumps([{"user": {"id": u}, "product": {"sku": f"S{i}"}, "stars": 3} for u, i in PAIRS]),
        {},
        ("rating", "1", "S1", 3.0),
        "user = /user/id (guessed), item = /product/sku (guessed)",
    ),
    "an export of MongoDB": (
        _csv(
            "",
            '{{"user":{{"$oid":"5f{u}"}},"item":{{"$numberLong":"{i}"}},"rating":{v},'
            '"at":{{"$date":{{"$numberLong":"{t}000"}}}}}}',
        ),
        {},
        ("rating", "5f1", "1", 3.0),
        "milliseconds",
    ),
    "arrays, one a line": (_csv("", "[{u},{i},{v},{t}]"), {}, ("rating", "1", "1", 3.0), "seconds"),
    "one array of arrays": (
        json.dumps([[u, i, 3, 1_500_000_000] for u, i in PAIRS]),
        {},
        ("rating", "1", "1", 3.0),
        "seconds",
    ),
    "tuples of Python": (_csv("", "({u}, 'a, b {i}', {v}, {t})"), {}, ("rating", "1", "a, b 1", 3.0), ""),
    "a list of Python": (
        str([{"user": f"u{u}", "item": i, "rating": 3, "ok": True} for u, i in PAIRS]),
        {},
        ("rating", "u1", "1", 3.0),
        "a list of Python literals",
    ),
    "blanks of several widths": (
        _csv("user      item  rating  timestamp\n", "{u:<10}{i:<6}{v:<8}{t}"),
        {},
        ("rating", "1", "1", 3.0),
        "",
    ),
    "separators of Hive": (
        _csv("user\x01item\x01rating\x01timestamp\n", "{u}\x01{i}\x01{v}\x01{t}"),
        {},
        ("rating", "1", "1", 3.0),
        "",
    ),
    "MatrixMarket": (
        _csv("%%MatrixMarket matrix coordinate real general\n% x\n5 4 20\n", "{u} {i} {v}"),
        {},
        ("rating", "1", "1", 3.0),
        "1 to 5",
    ),
    "lines that end in two ways": (
        ('﻿"user","item","rating","timestamp"\r\n' + _csv("", "{u},{i},{v},{t}")).encode(),
        {},
        ("rating", "1", "1", 3.0),
        "",
    ),
    "a header that is no UTF-8": (
        _csv("пользователь;item;rating\n", "Иван{u};книга{i};{v}").encode("cp1251"),
        {"columns": "user=пользователь"},
        ("rating", "Иван1", "книга1", 3.0),
        "encoding cp1251 (--encoding sets another)",
    ),
    "Excel's days with a decimal comma": (
        _csv("user;item;rating;date\n", "{u};{i};{v};43001,5"),
        {},
        ("rating", "1", "1", 3.0),
        "Excel's days, 2017-09-23 12:00:00",
    ),
    "milliseconds as floats": (_csv(HEADER, "{u},{i},{v},{t}000.0"), {}, ("rating", "1", "1", 3.0), "millis"),
    "times in two units": (
        HEADER + "1,1,3,1500000000\n1,2,3,1500000001000\n",
        {},
        ("rating", "1", "1", 3.0),
        "several units, from seconds to milliseconds",
    ),
    "ones alone": (
        _csv(HEADER, "{u},{i},1,{t}"),
        {},
        ("like", "1", "1", 1.0),
        "a 1 is taken as a like: use --rating-scale 1:5",
    ),
    "ones and zeros": (
        "uid:token,iid:token,label:float\n" + "".join(f"{u},{i},{i % 2}\n" for u, i in PAIRS),
        {"zero_means": "worst"},
        ("like", "1", "1", 1.0),
        "10 like, 10 dislike",
    ),
    "-1 for a rating that is missing": (
        "user_id,anime_id,rating\n" + "".join(f"{u},{i},{-1 if i == 2 else 2 * i}\n" for u, i in PAIRS),
        {"zero_means": "unrated"},
        ("rating", "1", "1", 1.0),
        "5 values of 0 or -1 are 'not rated'",
    ),
    "the same id with and without a fraction": (
        HEADER + "7.0,1,3,1500000000\n7,2,3,1500000001\n007,3,3,1500000002\n",
        {},
        ("rating", "7", "1", 3.0),
        "7.0 is taken as 7",
    ),
    "check-ins": (
        _csv("", "{u}\t2010-10-19T23:55:27Z\t30.23\t-97.79\t22{i}"),
        {},
        ("view", "1", "221", 1.0),
        "place",
    ),
    "purchases of sessions": (
        "".join(f"{u},2014-04-07T10:51:09.277Z,2145{i},12462,1\n" for u, i in PAIRS),
        {},
        ("view", "1", "21451", 1.0),
        "quantity = quantity (guessed)",
    ),
    "recommended or not": (
        "app_id,user_id,is_recommended,date\n"
        + "".join(f"{i},{u},{str(i != 2).lower()},2022-12-12\n" for u, i in PAIRS),
        {},
        ("like", "1", "1", 1.0),
        "15 like, 5 dislike",
    ),
    "letters for yes and no": (
        "user,item,liked\n" + "".join(f"{u},{i},{'ft'[i % 2]}\n" for u, i in PAIRS),
        {},
        ("like", "1", "1", 1.0),
        "10 like, 10 dislike",
    ),
    "clicks of sessions": (
        "".join(f"{u},2014-04-07T10:51:09.277Z,2145{i},0\n" for u, i in PAIRS),
        {},
        ("view", "1", "21451", 1.0),
        "session",
    ),
}


@pytest.mark.parametrize("kind", list(TAKEN))
def test_a_variant_is_read_with_the_meaning_that_its_publisher_gives_it(
    kind: str, write_file: Written, read_back: Any
) -> None:
    content, options, first, words = TAKEN[kind]
    read = read_back(write_file("file", content), **options)
    assert read.rejected == 0, read.shown
    assert read.rows[0][:4] == first
    assert words in read.block


# A content -> the options, how many rows are refused, and what the reason says to do.
REFUSED: dict[str, tuple[str, dict[str, Any], int, str]] = {
    "times that a spreadsheet cut": (
        _csv(HEADER, "{u},{i},{v},1.50000E+12"),
        {},
        20,
        "has lost its digits in a spreadsheet: export that column as text",
    ),
    "ids that a spreadsheet cut": (
        _csv(HEADER, "7.65612E+16,{i},{v},{t}"),
        {},
        20,
        "has lost its digits in a spreadsheet or as a float: export that column as text",
    ),
    "a day or a month": (
        _csv(HEADER, "{u},{i},{v},0{u}.0{i}.2011"),
        {},
        16,
        "--time-format %d/%m/%Y or --time-format %m/%d/%Y",
    ),
    "days and months": (
        HEADER + "1,1,3,13/01/2021\n1,2,3,01/13/2021\n",
        {},
        2,
        "some rows have the day first and others the month",
    ),
    "a clock alone": (_csv(HEADER, "{u},{i},{v},10:00:00"), {}, 20, "--columns time=NAME says which column"),
    "no time in some rows": (
        HEADER + "1,1,3,1500000000\n1,2,3,\n",
        {},
        1,
        "--columns time=- gives every row a time by the order of the lines",
    ),
    "ticks of .NET": (_csv(HEADER, "{u},{i},{v},63650000000000000{u}"), {}, 20, "--time-format says"),
    "a sum below the ratings": (
        _csv(HEADER, "{u},{i},{v},{t}") + "Total,,60,\n",
        {},
        1,
        "item '' is empty: there is no id",
    ),
    "one value beyond the others": (
        _csv(HEADER, "{u},{i},{v},{t}") + "1,9,60,1500000000\n",
        {},
        21,
        "is on no known scale: use --rating-scale MIN:MAX",
    ),
    "a header again": ("user,item\n1,2\nuser,item\n1,3\n", {}, 1, "the header is repeated here"),
    "zeros and ones": (
        "user,item,rating\n" + "".join(f"{u},{i},{i % 2}\n" for u, i in PAIRS),
        {},
        10,
        "--zero-means unrated or --zero-means worst",
    ),
    "-1 for a rating that is missing": (
        "user_id,anime_id,rating\n" + "".join(f"{u},{i},{-1 if i == 2 else 2 * i}\n" for u, i in PAIRS),
        {},
        5,
        "rating '-1' may mean not rated, or the worst: use --zero-means unrated",
    ),
    "a column of other types": (
        _csv("user_id,anime_id,type,rating\n", "{u},{i},TV,{v}"),
        {},
        20,
        "--columns type=- leaves out a column without types",
    ),
    "words as values": (_csv(HEADER, "{u},{i},up,{t}"), {}, 20, "--columns type=NAME --type WORD=TYPE"),
}


@pytest.mark.parametrize("kind", list(REFUSED))
def test_a_variant_that_cannot_be_read_is_refused_with_the_cure(
    kind: str, write_file: Written, read_back: Any
) -> None:
    content, options, refused, words = REFUSED[kind]
    read = read_back(write_file("file", content), **options)
    assert read.examination.refused == refused
    assert any(words in reason for reason in read.examination.reasons), read.examination.reasons


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (_csv(HEADER, "{u},{i},{v},5,{t}"), "decimal commas, put them in quotes"),
        ('{"user_id":{"0":1,"1":2},"item_id":{"0":1,"1":2}}', "to_json(orient='records', lines=True)"),
        ("one two\nthree four\n", "--columns user=NAME"),
        (_csv("", "{t},{u},{i}"), "--columns user=NAME which of 1, 2, 3"),
        (_csv("", "2020-01-01 10:00,{u},{i}"), "--columns user=NAME which of 1, 2, 3"),
        ("userandsoon\n1\n2\n", "--separator TEXT sets what separates the fields"),
        ("INSERT INTO ratings VALUES (1,2,3);\n", "a dump in SQL: export the table as CSV"),
        ("@relation x\n@attribute user numeric\n", "an ARFF file: write it as CSV"),
    ],
)
def test_a_text_that_is_not_a_table_is_an_error_with_the_cure(
    content: str, words: str, write_file: Written, read_back: Any
) -> None:
    with pytest.raises(SourceError) as refused:
        read_back(write_file("file", content))
    assert words in str(refused.value)


def test_files_with_different_scales_are_not_mapped_by_one_scale(write_file: Written, read_back: Any) -> None:
    write_file("set/a.csv", _csv(HEADER, "{u},{i},{v},{t}"))
    path = write_file("set/b.csv", _csv(HEADER, "1{u},{i},{v}0,{t}")).parent
    read = read_back(path)
    assert (len(read.events), read.rejected) == (0, 40)
    assert "the files differ (a.csv holds 1 to 5, b.csv holds 10 to 50): send them one by one" in read.block
    assert len(read_back(path, rating_scale="1:50").events) == 40


def test_where_no_time_is_known_the_error_names_a_column_that_may_hold_times(
    write_file: Written, read_back: Any
) -> None:
    read = read_back(write_file("x.csv", _csv("user,item,visit_dt_local\n", "{u},{i},2000-11-01")))
    assert "--columns time=visit_dt_local if that column holds them" in read.block


def test_where_no_rating_is_known_the_block_names_a_column_that_may_hold_ratings(
    write_file: Written, read_back: Any
) -> None:
    told = "--columns value=user_score_v2 if that column holds the users' ratings"
    read = read_back(write_file("x.csv", _csv("user,item,user_score_v2\n", "{u},{i},{v}")))
    assert told in read.block
    assert (
        told
        not in read_back(write_file("y.csv", _csv("user,item,user_score_v2,rating\n", "{u},{i},1,{v}"))).block
    )


def test_an_id_with_a_fraction_is_reported(write_file: Written, read_back: Any) -> None:
    read = read_back(write_file("x.csv", "user,item\n7.0,1\nab,2\n"))
    assert [event.user_id for event in read.events] == ["7.0", "ab"]
    assert "user ids such as '7.0' are kept as text" in read.block


def test_parquet_lists_become_rows_and_their_structures_become_fields(tmp_path: Path, read_back: Any) -> None:
    lists = tmp_path / "lists.parquet"
    pq.write_table(
        pa.table(
            {"uid": [7, 8], "item_id": [[1, 2], [3]], "ts": [[1_500_000_000, 1_500_000_001], [1_500_000_002]]}
        ),
        lists,
    )
    assert [row[1:3] for row in read_back(lists).rows] == [("7", "1"), ("7", "2"), ("8", "3")]
    structures = tmp_path / "structures.parquet"
    pq.write_table(pa.table({"user": [{"id": 1}, {"id": 2}], "item_id": [1, 2]}), structures)
    assert [row[1:3] for row in read_back(structures).rows] == [("1", "1"), ("2", "2")]
    # A whole structure cannot be an id.
    read = read_back(structures, columns="user=/user")
    assert (len(read.events), read.rejected) == (0, 2)
    assert "--columns user=/FIELD/FIELD names a place within it" in " ".join(read.examination.reasons)
