"""Small versions of files as they occur in practice, each with the events that it must become."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.files.rejected_lines import SourceError

Written = Callable[..., Path]
RATINGS = [
    (user, item, (user + item) % 5 + 1, 1_500_000_000 + 100 * user + item)
    for user in range(1, 6)
    for item in range(1, 5)
]


def _lines(rows: list[tuple[Any, ...]], separator: str = ",") -> str:
    return "".join(separator.join(map(str, row)) + "\n" for row in rows)


CSV = "user_id,item_id,rating,timestamp\n" + _lines(RATINGS)
WANTED = sorted(
    (("rating", str(u), str(i), float(v), 1000 * t) for u, i, v, t in RATINGS), key=lambda row: row[4]
)
REVIEWS = "".join(
    json.dumps(
        {"reviewerID": f"U{n}", "asin": f"000{n}", "overall": 4.0, "unixReviewTime": 1_400_000_000 + n}
    )
    + "\n"
    for n in range(24)
)


@pytest.mark.parametrize(
    "name", ["r.json", "r.json.gz", "r.csv", "r", "r.json.zip", "r.bz2", "r.xz", "r.zst"]
)
def test_json_lines_are_read_with_any_file_name_and_compression(
    name: str, write_file: Written, read_back: Any
) -> None:
    pack: dict[str, Callable[[bytes], bytes]] = {
        "gz": gzip.compress,
        "bz2": bz2.compress,
        "xz": lzma.compress,
    }
    content = REVIEWS.encode()
    ending = name.rpartition(".")[2]
    if ending == "zst":
        content = pa.compress(content, codec="zstd", asbytes=True)
    path = write_file(name, pack.get(ending, bytes)(content))
    if ending == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("reviews.json", REVIEWS)
            archive.writestr("README.txt", "what this is\n")
    mapping = "user=reviewerID,item=asin,value=overall,time=unixReviewTime"
    for columns in (None, mapping):
        read = read_back(path, columns=columns)
        assert (len(read.events), read.rejected) == (24, 0)
        assert read.rows[1] == ("rating", "U1", "0001", 4.0, 1_400_000_001_000)


def test_a_ten_point_scale_is_recognised_and_reported(write_file: Written, read_back: Any) -> None:
    rows = [(n % 20, n, n % 10 + 1, 1_600_000_000 + n) for n in range(200)]
    path = write_file("anime.csv", "user_id,item_id,rating,timestamp\n" + _lines(rows))
    for scale in (None, "1:10"):
        read = read_back(path, rating_scale=scale)
        assert (len(read.events), read.rejected) == (200, 0)
        assert {e.value for e in read.events if e.item_id in ("0", "9")} == {0.5, 5.0}
        assert "1:10, mapped onto 0.5-5" in read.block


def test_columns_are_known_in_any_case_and_by_their_usual_names(write_file: Written, read_back: Any) -> None:
    feedback = write_file("feedback.csv", "user_id,item_id,Rating,Timestamp\n" + _lines(RATINGS))
    assert read_back(feedback).rows == WANTED
    plays = write_file("plays.csv", "user_id,item_id,stars,date,comment\n1,2,3,2024-03-02,x\n")
    read = read_back(plays)
    assert read.rows == [("rating", "1", "2", 3.0, 1_709_337_600_000)]
    assert "value = stars (guessed), time = date (guessed)" in read.block
    assert "unused   comment" in read.block


def test_the_fields_of_the_first_json_line_do_not_limit_those_of_later_lines(
    write_file: Written, read_back: Any
) -> None:
    view = {"event_type": "view", "user_id": "7", "item_id": "42", "event_time": 1_700_000_000_000}
    rating = {**view, "event_type": "rating", "value": 4.5}
    path = write_file("events.jsonl", "".join(json.dumps(e) + "\n" for e in [view, *[rating] * 5]))
    read = read_back(path)
    assert (read.types, read.rejected) == ({"rating": 5, "view": 1}, 0)


@pytest.mark.parametrize(
    "content",
    [
        '"userId","movieId","rating","timestamp"\n' + _lines(RATINGS),
        "userId;movieId;rating;timestamp\n" + _lines(RATINGS, ";"),
        "userId, movieId, rating, timestamp\n" + _lines(RATINGS, ", "),
        '"","userId","movieId","rating","timestamp"\n'
        + "".join(f'"{n}",{u},{i},{v},{t}\n' for n, (u, i, v, t) in enumerate(RATINGS)),
        "userId movieId rating timestamp\n" + _lines(RATINGS, " "),
        "# from the archive\nuserId|movieId|rating|timestamp\n" + _lines(RATINGS, "|"),
        "userId,movieId,rating,timestamp\r\n" + _lines(RATINGS).replace("\n", "\r\n"),
        "\n\nuserId,movieId,rating,timestamp\n" + _lines(RATINGS).replace("\n", "\n\n"),
        "sep=;\nuserId;movieId;rating;timestamp\n" + _lines(RATINGS, ";"),
        "userId,movieId,rating,timestamp\n" + _lines(RATINGS).replace("\n", ",\n"),
    ],
    ids=[
        "quotes of R",
        "semicolons",
        "blanks",
        "row names",
        "blank separated",
        "comment",
        "CRLF",
        "empty lines",
        "sep of Excel",
        "commas at the end",
    ],
)
def test_a_movielens_file_that_another_program_has_saved_is_read(
    content: str, write_file: Written, read_back: Any
) -> None:
    path = write_file("set/ratings.csv", content)
    read = read_back(path.parent)
    assert (read.rows, read.rejected) == (WANTED, 0)


def test_without_times_the_order_of_lines_counts_and_a_warning_says_so(
    write_file: Written, read_back: Any
) -> None:
    path = write_file("ratings.csv", "userId,movieId,rating\n" + _lines([row[:3] for row in RATINGS]))
    first, second = read_back(path), read_back(path)
    assert [(e.user_id, e.item_id) for e in first.events] == [(str(u), str(i)) for u, i, _, _ in RATINGS]
    times = [event.event_time for event in first.events]
    assert times == sorted(set(times))
    assert times[-1] == path.stat().st_mtime_ns // 1_000_000
    assert first.encoded == second.encoded
    assert "NO TIME COLUMN in ratings.csv" in first.block


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig", "utf-32"])
def test_the_unicode_text_of_excel_is_read(encoding: str, write_file: Written, read_back: Any) -> None:
    text = "user_id\titem_id\trating\ttimestamp\n" + "".join(
        f"1\tkafé-{n}\t3\t1500000000\n" for n in range(20)
    )
    read = read_back(write_file("export.txt", text, encoding))
    assert [e.item_id for e in read.events] == [f"kafé-{n}" for n in range(20)]


def test_a_quoted_field_may_span_several_lines(write_file: Written, read_back: Any) -> None:
    text = '"first line\nsecond line, with comma\n\nlast ""word"""'
    lines = "".join(f"{u},{i},{v},{text if i % 2 else 'ok'},{t}\n" for u, i, v, t in RATINGS)
    path = write_file("reviews.csv", "user_id,item_id,rating,review,timestamp\n" + lines + "9,9,9\n")
    read = read_back(path)
    assert read.rows == WANTED
    assert read.shown == [f"{path}:{2 + 10 * 4 + 10}: 3 columns instead of 5"]


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


RETAIL = "timestamp,visitorid,event,itemid,transactionid\n" + "".join(
    f"{1_433_221_332_117 + n},u{n % 5},{('view', 'addtocart', 'transaction')[n % 3]},{n},\n"
    for n in range(30)
)


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


BOOKS = '"User-ID";"ISBN";"Book-Rating"\r\n' + "".join(
    f'"{n}";"03454510{n}X";"{n % 11}"\r\n' for n in range(44)
)


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


def test_recbole_files_may_have_any_separator_and_names_without_types(
    write_file: Written, read_back: Any
) -> None:
    comma = write_file(
        "toy.inter", "user_id:token,item_id:token,rating:float,timestamp:float\n" + _lines(RATINGS)
    )
    assert read_back(comma).rows == WANTED
    header = "user_id:token\tproduct_id:token\tplay_hours:float\ttimestamp:float\n"
    steam = write_file("steam.inter", header + _lines(RATINGS, "\t"))
    for columns in (None, "user=user_id,item=product_id", "user=user_id:token,item=product_id:token"):
        assert read_back(steam, columns=columns).types == {"view": 20}


def test_lines_of_python_literals_are_read(write_file: Written, read_back: Any) -> None:
    rows = [
        {"username": "u1", "product_id": str(n), "date": "2017-12-17", "text": "it's ü"} for n in range(20)
    ]
    path = write_file("steam.jsonl", "".join(f"{row!r}\n" for row in rows) + "{'broken\n")
    read = read_back(path, columns="user=username,item=product_id,time=date")
    assert (read.types, read.rejected) == ({"view": 20}, 1)
    assert read.shown == [f"{path}:21: not a complete JSON object"]


@pytest.mark.parametrize(
    ("users", "wanted"),
    [
        (pa.array([b"u0", b"u1", b"u2"]), ["u0", "u1", "u2"]),
        (pa.array([Decimal(0), Decimal(1), Decimal(2)], pa.decimal128(20, 0)), ["0", "1", "2"]),
        (pa.array([0.0, 1.0, 2.0]), ["0", "1", "2"]),
        (pa.array([0, 1, 2], pa.uint32()), ["0", "1", "2"]),
        (pa.array(["a", "b", "007"]).dictionary_encode(), ["a", "b", "007"]),
    ],
    ids=["binary", "decimal", "float", "unsigned", "category"],
)
def test_parquet_ids_of_every_type_are_read(
    users: pa.Array, wanted: list[str], tmp_path: Path, read_back: Any
) -> None:
    path = tmp_path / "data"
    pq.write_table(pa.table({"user_id": users, "item_id": [1, 2, 3], "timestamp": [1_500_000_000] * 3}), path)
    assert [e.user_id for e in read_back(path).events] == wanted


def test_folders_of_hive_and_spark_are_read_without_their_marker_files(
    tmp_path: Path, read_back: Any
) -> None:
    for day in ("2024-01-01", "2024-01-02"):
        folder = tmp_path / "hive" / f"date={day}"
        folder.mkdir(parents=True)
        pq.write_table(pa.table({"user_id": [1], "item_id": [2]}), folder / "part-0.snappy.parquet")
    (tmp_path / "hive" / "_SUCCESS").touch()
    (tmp_path / "hive" / ".part-0.crc").write_bytes(b"crc")
    read = read_back(tmp_path / "hive")
    assert [e.event_time for e in read.events] == [1_704_067_200_000, 1_704_153_600_000]
    assert "time = date (guessed)" in read.block
    assert len(read_back(tmp_path / "hive" / "date=*" / "*.parquet").events) == 2


def test_a_delta_table_is_not_read_as_a_folder_of_files(tmp_path: Path, read_back: Any) -> None:
    (tmp_path / "t" / "_delta_log").mkdir(parents=True)
    with pytest.raises(SourceError, match="is a Delta table"):
        read_back(tmp_path / "t")


def test_a_repeated_row_is_one_event(write_file: Written, read_back: Any) -> None:
    read = read_back(write_file("dup.csv", CSV + _lines(RATINGS)))
    assert len(read.events) == 40
    assert len({event.event_id for event in read.events}) == 20


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
    path = write_file("x.csv", "user_id,item_id,score,timestamp\n" + _lines(rows))
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


def test_a_missing_quote_loses_only_its_line(write_file: Written, read_back: Any) -> None:
    path = write_file("x.csv", CSV.replace("1,2,4,", '1,"2,4,', 1))
    read = read_back(path)
    assert (len(read.events), read.rejected) == (19, 1)
    assert read.shown[0].startswith(f"{path}:3: broken quotes")


def test_quotes_in_a_tab_separated_file_are_ordinary_characters(write_file: Written, read_back: Any) -> None:
    names = ['"Weird Al" Yankovic', '5" disk', "plain"]
    lines = "".join(f"1\t{name}\t150000000{n}\n" for n, name in enumerate(names))
    read = read_back(write_file("x.tsv", "user_id\titem_id\ttimestamp\n" + lines))
    assert [e.item_id for e in read.events] == names


def test_utf8_with_one_broken_line_stays_utf8(write_file: Written, read_back: Any) -> None:
    lines = "".join(f"{n},kafé ü ö {n},1500000000\n" for n in range(50))
    path = write_file("x.csv", b"user_id,item_id,timestamp\n" + lines.encode() + b"9,br\xfcoken,1500000000\n")
    read = read_back(path)
    assert (len(read.events), read.rejected) == (50, 1)
    assert read.events[0].item_id == "kafé ü ö 0"
    assert read.shown[0].startswith(f"{path}:52: item")


def test_text_in_an_old_russian_encoding_is_read(write_file: Written, read_back: Any) -> None:
    words = ["преступление", "наказание", "война", "мир", "идиот", "обломов", "отцы и дети", "мертвые души"]
    lines = "".join(f"{n},{words[n % 8]} {n},1500000000\n" for n in range(80))
    read = read_back(write_file("x.csv", "user_id,item_id,timestamp\n" + lines, "cp1251"))
    assert [e.item_id for e in read.events][:2] == ["преступление 0", "наказание 1"]


@pytest.mark.parametrize(
    ("content", "cure"),
    [
        (b"PK\x03\x04", "not a complete zip archive"),
        (b"\xd0\xcf\x11\xe0 old excel", "save the sheet as CSV"),
        (b"%PDF-1.4", "export the table as CSV"),
        (b"<!DOCTYPE html><html>404</html>", "web page"),
        (b"SQLite format 3\x00", "sqlite3 -csv"),
        (b"\x80\x04\x95 pickle", "write it as Parquet"),
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (gzip.compress(CSV.encode() * 100)[:60], "cannot be read"),
        (b"PAR1 broken", "cannot be read as Parquet"),
        (b"just some words\n", "say with --columns user=NAME"),
    ],
)
def test_an_unreadable_file_is_one_sentence_with_the_cure(
    content: bytes, cure: str, write_file: Written, read_back: Any
) -> None:
    with pytest.raises(SourceError) as caught:
        read_back(write_file("ratings.csv", content))
    assert cure in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
