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
from tests.ingest.sources.rating_files import RATINGS, WANTED, Written, delimited_lines

CSV = "user_id,item_id,rating,timestamp\n" + delimited_lines(RATINGS)
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
    path = write_file("anime.csv", "user_id,item_id,rating,timestamp\n" + delimited_lines(rows))
    for scale in (None, "1:10"):
        read = read_back(path, rating_scale=scale)
        assert (len(read.events), read.rejected) == (200, 0)
        assert {e.value for e in read.events if e.item_id in ("0", "9")} == {0.5, 5.0}
        assert "1:10, mapped onto 0.5-5" in read.block


def test_columns_are_known_in_any_case_and_by_their_usual_names(write_file: Written, read_back: Any) -> None:
    feedback = write_file("feedback.csv", "user_id,item_id,Rating,Timestamp\n" + delimited_lines(RATINGS))
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
        '"userId","movieId","rating","timestamp"\n' + delimited_lines(RATINGS),
        "userId;movieId;rating;timestamp\n" + delimited_lines(RATINGS, ";"),
        "userId, movieId, rating, timestamp\n" + delimited_lines(RATINGS, ", "),
        '"","userId","movieId","rating","timestamp"\n'
        + "".join(f'"{n}",{u},{i},{v},{t}\n' for n, (u, i, v, t) in enumerate(RATINGS)),
        "userId movieId rating timestamp\n" + delimited_lines(RATINGS, " "),
        "# from the archive\nuserId|movieId|rating|timestamp\n" + delimited_lines(RATINGS, "|"),
        "userId,movieId,rating,timestamp\r\n" + delimited_lines(RATINGS).replace("\n", "\r\n"),
        "\n\nuserId,movieId,rating,timestamp\n" + delimited_lines(RATINGS).replace("\n", "\n\n"),
        "sep=;\nuserId;movieId;rating;timestamp\n" + delimited_lines(RATINGS, ";"),
        "userId,movieId,rating,timestamp\n" + delimited_lines(RATINGS).replace("\n", ",\n"),
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
    path = write_file(
        "ratings.csv", "userId,movieId,rating\n" + delimited_lines([row[:3] for row in RATINGS])
    )
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


def test_recbole_files_may_have_any_separator_and_names_without_types(
    write_file: Written, read_back: Any
) -> None:
    comma = write_file(
        "toy.inter", "user_id:token,item_id:token,rating:float,timestamp:float\n" + delimited_lines(RATINGS)
    )
    assert read_back(comma).rows == WANTED
    header = "user_id:token\tproduct_id:token\tplay_hours:float\ttimestamp:float\n"
    steam = write_file("steam.inter", header + delimited_lines(RATINGS, "\t"))
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
    read = read_back(write_file("dup.csv", CSV + delimited_lines(RATINGS)))
    assert len(read.events) == 40
    assert len({event.event_id for event in read.events}) == 20


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


@pytest.mark.parametrize(
    ("encoding", "item"),
    [
        ("cp1250", "Łukasz żółw"),
        ("cp1250", "Příliš žluťoučký kůň"),
        ("mac_roman", "José café"),
        ("cp850", "José café"),
        ("cp1252", "José m³ “café” l’été"),
        ("cp1252", "McÉnery 10 €"),
        ("latin-1", "Ñandú señor"),
    ],
)
def test_relatives_of_latin_1_are_told_apart_by_where_their_letters_stand(
    encoding: str, item: str, write_file: Written, read_back: Any
) -> None:
    lines = "".join(f"{n},{item},1500000000\n" for n in range(20))
    read = read_back(write_file("x.csv", "user_id,item_id,timestamp\n" + lines, encoding))
    assert {event.item_id for event in read.events} == {item}
    assert "(--encoding sets another)" in read.block


def test_text_in_an_old_russian_encoding_is_read(write_file: Written, read_back: Any) -> None:
    words = ["преступление", "наказание", "война", "мир", "идиот", "обломов", "отцы и дети", "мертвые души"]
    lines = "".join(f"{n},{words[n % 8]} {n},1500000000\n" for n in range(80))
    read = read_back(write_file("x.csv", "user_id,item_id,timestamp\n" + lines, "cp1251"))
    assert [e.item_id for e in read.events][:2] == ["преступление 0", "наказание 1"]


@pytest.mark.parametrize(
    ("content", "cure"),
    [
        (b"PK\x03\x04", "is damaged or cut off"),
        (b"\xd0\xcf\x11\xe0 old excel", "save the sheet as CSV"),
        (b"%PDF-1.4", "export the table as CSV"),
        (b"<!DOCTYPE html><html>404</html>", "web page"),
        (b"SQLite format 3\x00", "sqlite3 -csv"),
        (b"\x80\x04\x95 pickle", "write it as Parquet"),
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (gzip.compress(CSV.encode() * 100)[:60], "is damaged or cut off"),
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
