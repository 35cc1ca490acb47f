"""Small versions of files from the field: what times, types, ids and values mean."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.ingest.sources.rating_files import RATINGS, WANTED, Written, delimited_lines

RETAIL = "timestamp,visitorid,event,itemid,transactionid\n" + "".join(
    f"{1_433_221_332_117 + n},u{n % 5},{('view', 'addtocart', 'transaction')[n % 3]},{n},\n"
    for n in range(30)
)
BOOKS = '"User-ID";"ISBN";"Book-Rating"\r\n' + "".join(
    f'"{n}";"03454510{n}X";"{n % 11}"\r\n' for n in range(44)
)


@pytest.mark.parametrize(
    ("day", "moment"),
    [
        ("20170211", 1_486_771_200_000),
        ("20180211102030", 1_518_344_430_000),
        ("201802111020", 1_518_344_400_000),
        ("1486771200", 1_486_771_200_000),
        ("1486771200.5", 1_486_771_200_500),
        ("1486771200000", 1_486_771_200_000),
        ("1486771200000000", 1_486_771_200_000),
        ("1486771200000000000", 1_486_771_200_000),
        ("1.4867712e9", 1_486_771_200_000),
        ("2017-02-11", 1_486_771_200_000),
        ("2017/02/11", 1_486_771_200_000),
        ("2017-02-11 00:00:00 UTC", 1_486_771_200_000),
        ("2017-02-11T01:00:00+01:00", 1_486_771_200_000),
        ("2017-02-11T00:00:00.000Z", 1_486_771_200_000),
        ("42777", 1_486_771_200_000),
        ("42777.5", 1_486_814_400_000),
        ("13/02/2017", 1_486_944_000_000),
        ("02/13/2017", 1_486_944_000_000),
        ("02/11/2017 12:00:00 AM", 1_486_771_200_000),
        ("02 11, 2017", 1_486_771_200_000),
        ("Sat Feb 11 00:00:00 +0000 2017", 1_486_771_200_000),
        ("Sat, 11 Feb 2017 00:00:00 GMT", 1_486_771_200_000),
        ("February 11, 2017", 1_486_771_200_000),
        ("11-Feb-2017", 1_486_771_200_000),
    ],
)
def test_times_in_the_usual_forms_are_read(
    day: str, moment: int, write_file: Written, read_back: Any
) -> None:
    path = write_file("x.tsv", f"user_id\titem_id\trating\ttimestamp\n1\t2\t3\t{day}\n")
    assert read_back(path).rows == [("rating", "1", "2", 3.0, moment)]


@pytest.mark.parametrize("moment", ["03/04/2017", "1969-12-31", "5", "0", "2999-01-01", "soon", "1970-01-01"])
def test_an_ambiguous_or_implausible_time_is_refused_with_the_cure(
    moment: str, write_file: Written, read_back: Any
) -> None:
    read = read_back(write_file("x.csv", f"user_id,item_id,rating,timestamp\n1,2,3,{moment}\n"))
    assert (read.events, read.rejected) == ([], 1)
    assert "--time-" in read.shown[0] or "lies in the future" in read.shown[0] or "range" in read.shown[0]


def test_times_counted_from_zero_are_accepted_if_the_option_says_so(
    write_file: Written, read_back: Any
) -> None:
    path = write_file("x.csv", "uid,item_id,timestamp\n1,2,0\n1,3,40000\n1,4,26000000\n")
    read = read_back(path, time_from_zero=True)
    assert [e.event_time for e in read.events] == [0, 40_000_000, 26_000_000_000]
    assert all(e.time_from_zero for e in read.events)


def test_the_user_can_name_the_format_of_times(write_file: Written, read_back: Any) -> None:
    path = write_file("x.csv", "user_id,item_id,timestamp\n1,2,03/04/2017\n")
    assert read_back(path, time_format="%d/%m/%Y").rows[0][4] == 1_491_177_600_000


def test_names_of_event_types_are_mapped_and_unknown_names_are_refused_with_counts(
    write_file: Written, read_back: Any
) -> None:
    path = write_file("events.csv", RETAIL)
    read = read_back(path, types="addtocart=click,transaction=purchase")
    assert (read.types, read.rejected) == ({"view": 10, "click": 10, "purchase": 10}, 0)
    unmapped = read_back(path)
    assert (unmapped.types, unmapped.rejected) == ({"view": 10}, 20)
    assert "unknown types: addtocart (10), transaction (10)" in unmapped.block
    assert read_back(path, types="*=view").types == {"view": 30}
    assert read_back(path, types="addtocart=skip,transaction=purchase").types == {"view": 10, "purchase": 10}


def test_our_event_types_are_known_in_upper_and_lower_case(write_file: Written, read_back: Any) -> None:
    path = write_file(
        "x.csv", "user_id,item_id,event_type,event_time\n1,2,Purchase,2019-10-01 00:00:00 UTC\n"
    )
    assert read_back(path).rows == [("purchase", "1", "2", 1.0, 1_569_888_000_000)]


@pytest.mark.parametrize(
    "content",
    [
        "user_id,item_id,rating,timestamp\n" + "".join(f"{u}.0,{i}.0,{v},{t}.0\n" for u, i, v, t in RATINGS),
        "".join(
            json.dumps({"user_id": float(u), "item_id": float(i), "rating": v, "timestamp": t}) + "\n"
            for u, i, v, t in RATINGS
        ),
        json.dumps(
            [{"user_id": str(u), "item_id": i, "rating": v, "timestamp": t} for u, i, v, t in RATINGS]
        ),
    ],
    ids=["CSV of pandas", "JSON lines of pandas", "JSON array"],
)
def test_a_whole_float_and_an_integer_give_the_same_id(
    content: str, write_file: Written, read_back: Any
) -> None:
    assert read_back(write_file("r", content)).rows == WANTED


def test_ids_that_are_text_are_not_changed(write_file: Written, read_back: Any) -> None:
    ids = ["007", "1.0", "1e3", " a b ", "0", "7.50", "İ"]
    path = write_file("x.csv", "user_id,item_id,timestamp\n" + "".join(f"u,{i},1500000000\n" for i in ids))
    assert [e.item_id for e in read_back(path).events] == ["007", "1.0", "1e3", "a b", "0", "7.50", "İ"]
    path = write_file("x.jsonl", '{"user_id": "7.0", "item_id": 7.0, "timestamp": 1500000000}\n')
    assert read_back(path).rows[0][1:3] == ("7.0", "7")


def test_with_a_given_scale_a_zero_below_it_means_not_rated(write_file: Written, read_back: Any) -> None:
    content = BOOKS.encode() + '"9";"café";"8"\r\n'.encode("latin-1") + b'"9";"ISBN\\"1";"7"\r\n'
    path = write_file("BX-Book-Ratings.csv", content)
    read = read_back(path, rating_scale="1:10")
    assert (read.types, read.rejected) == ({"rating": 41, "view": 4}, 1)
    assert "4 zeros are 'not rated'" in read.block
    assert "café" in {e.item_id for e in read.events}
    assert read.shown[0].startswith(f"{path}:47: broken quotes")


def test_a_zero_is_refused_with_the_option_that_gives_it_a_meaning(
    write_file: Written, read_back: Any
) -> None:
    path = write_file("books.csv", BOOKS)
    silent = read_back(path)
    assert (silent.types, silent.rejected) == ({"rating": 40}, 4)
    assert "--zero-means unrated or --zero-means worst" in silent.shown[0]
    assert read_back(path, zero_means="unrated").types == {"rating": 40, "view": 4}
    worst = read_back(path, zero_means="worst")
    assert worst.types == {"rating": 44}
    assert {e.value for e in worst.events if e.user_id in ("0", "10")} == {0.5, 5.0}


@pytest.mark.parametrize("text", ["NULL", "null", "None", "NaN", r"\N", "N/A", ""])
def test_text_that_means_a_missing_value_is_neither_an_id_nor_a_value(
    text: str, write_file: Written, read_back: Any
) -> None:
    path = write_file(
        "x.csv", f"user_id,item_id,rating,timestamp\n{text},2,3,1500000000\n1,2,{text},1500000000\n"
    )
    read = read_back(path)
    assert (read.events, read.rejected) == ([], 2)
    assert "there is no id" in read.shown[0]
    assert "a rating needs a value" in read.shown[1]


def test_numbers_with_local_separators_are_read(write_file: Written, read_back: Any) -> None:
    path = write_file("x.csv", "user_id;item_id;rating;timestamp\n1;2;3,5;1500000000\n1;3;4,0;1500000001\n")
    assert [e.value for e in read_back(path).events] == [3.5, 4.0]


@pytest.mark.parametrize(
    ("values", "options", "wanted"),
    [
        ([0.5, 3, 5], {}, [0.5, 3.0, 5.0]),
        ([1, 50, 100], {}, [0.545, 2.75, 5.0]),
        ([-10, 0, 10], {}, [0.5, 2.75, 5.0]),
        ([0.1, 0.5, 1.0], {}, [0.95, 2.75, 5.0]),
        ([3, 700, 12], {"rating_scale": "counts"}, [1.0, 1.0, 1.0]),
        ([0, 4, 5], {"zero_means": "worst"}, [0.5, 4.0, 5.0]),
        ([1, 4, 7], {"rating_scale": "1:7"}, [0.5, 2.75, 5.0]),
    ],
)
def test_scales_are_recognised_or_given(
    values: list[float], options: dict[str, str], wanted: list[float], write_file: Written, read_back: Any
) -> None:
    rows = [(1, n, value, 1_500_000_000 + n) for n, value in enumerate(values)]
    path = write_file("x.csv", "user_id,item_id,score,timestamp\n" + delimited_lines(rows))
    assert [e.value for e in read_back(path, **options).events] == wanted


def test_ones_are_likes_and_minus_ones_are_dislikes(write_file: Written, read_back: Any) -> None:
    path = write_file("x.csv", "user_id,item_id,rating,timestamp\n1,2,1,1500000000\n1,3,-1,1500000001\n")
    assert [e.event_type for e in read_back(path).events] == ["like", "dislike"]


def test_counts_are_not_ratings(write_file: Written, read_back: Any) -> None:
    read = read_back(
        write_file("x.csv", "user_id,item_id,value,timestamp\n1,2,700,1500000000\n1,3,5,1500000001\n")
    )
    assert (len(read.events), read.rejected) == (0, 2)
    assert "--rating-scale MIN:MAX, counts or likes" in read.shown[0]
