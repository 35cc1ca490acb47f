from __future__ import annotations

import os
from collections.abc import Callable
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.files.interaction_files import Columns, DelimitedFile, JsonLinesFile, ParquetFile, line_time
from ingest.files.rejected_lines import SourceError

Written = Callable[..., Path]
RATINGS = Columns(user=0, item=1, value=2, time=3)
NAMED = Columns(user="u", item="i", value="v", time="t", type="k")

BROKEN = {
    "1,31": "2 columns instead of 4",
    "1,31,2.5,1260759144,9": "5 columns instead of 4",
    "1,31,good,1260759144": "value 'good' is not a number",
    "1,31,nan,1260759144": "value 'nan' is not a number",
    "1,31,inf,1260759144": "value 'inf' is not a number",
    "1,31,,1260759144": "a rating needs a value",
    "1,31,7,1260759144": "rating 7 lies outside 0.5-5",
    ",31,2.5,1260759144": "user '': String should have at least 1 character",
    "1,a\x07b,2.5,1260759144": "control characters are not allowed",
    f"{'x' * 129},31,2.5,1260759144": "at most 128 characters",
    "1,31,2.5,": "time '' is neither",
    "1,31,2.5,soon": "time 'soon' is neither",
    '1,"31,2.5,1260759144': "broken quotes",
}


@pytest.mark.parametrize("line", list(BROKEN), ids=lambda line: BROKEN[line][:30])
def test_a_broken_line_is_counted_with_its_number_and_the_rest_ingested(
    line: str, written: Written, read_file: Any
) -> None:
    path = written("r.csv", f"user,item,value,time\n1,31,2.5,1260759144\n{line}\n2,32,3.0,1260759145\n")
    read = read_file(DelimitedFile(path, ",", RATINGS, 4, header=True))
    assert [row[1] for row in read.rows] == ["1", "2"]
    assert read.rejected == 1
    assert read.shown[0].startswith(f"{path}:3: ")
    assert BROKEN[line] in read.shown[0]


def test_an_undecodable_line_is_rejected_and_the_rest_ingested(written: Written, read_file: Any) -> None:
    path = written("r.csv", b"1,a,2.5,5\n1,\xff,2.5,6\n1,c,2.5,7\n")
    read = read_file(DelimitedFile(path, ",", RATINGS, 4, header=False))
    assert [row[2] for row in read.rows] == ["a", "c"]
    assert f"{path}:2: item" in read.shown[0]


def test_a_file_without_a_rating_gives_views(written: Written, read_file: Any) -> None:
    path = written("r.tsv", "7\t8\t100\n")
    read = read_file(DelimitedFile(path, "\t", Columns(user=0, item=1, time=2), 3, header=False))
    assert read.rows == [("view", "7", "8", 1.0, 100_000)]


def test_without_times_lines_keep_their_order_and_end_when_the_file_was_written(
    written: Written, read_file: Any
) -> None:
    path = written("r.csv", "".join(f"u{n},i\n" for n in range(100)))
    os.utime(path, ns=(0, 1_700_000_000_000 * 1_000_000))
    first, second = (read_file(DelimitedFile(path, ",", Columns(0, 1), 2, header=False)) for _ in range(2))
    times = [row[4] for row in first.rows]
    assert times == sorted(set(times))
    assert 1_700_000_000_000 - 1_000 < times[0] < times[-1] <= 1_700_000_000_000
    assert first.encoded == second.encoded
    assert "no time column" in first.notes[0]


def test_times_by_line_never_pass_the_files_own(tmp_path: Path) -> None:
    stamp = line_time(tmp_path, 10)
    assert stamp(10) == stamp(1_000_000)


def test_json_lines_take_names_numbers_and_types(written: Written, read_file: Any) -> None:
    path = written(
        "r.jsonl",
        '{"u": 1, "i": "31", "v": 2.5, "t": 1260759144, "k": "rating"}\n'
        '{"u": "ü", "i": 5, "t": "2020-01-01T00:00:00Z", "k": "like"}\n',
    )
    assert read_file(JsonLinesFile(path, NAMED)).rows == [
        ("rating", "1", "31", 2.5, 1_260_759_144_000),
        ("like", "ü", "5", 1.0, 1_577_836_800_000),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "Expecting"),
        ("[1]", "not a JSON object"),
        ('{"u":1,"i":2,"v":NaN,"t":1}', "NaN is not a number"),
        ('{"u":1,"i":2,"v":3}', "no time: 't' is missing"),
        ('{"u":true,"i":2,"v":3,"t":1}', "True is neither text nor a number"),
        ('{"u":[1],"i":2,"v":3,"t":1}', "neither text nor a number"),
        ('{"i":2,"v":3,"t":1}', "user ''"),
        ('{"u":1,"i":2,"v":3,"t":1,"k":"stare"}', "type 'stare' is none of"),
        ('{"u":1,"i":2,"v":2,"t":1,"k":"view"}', "must be 1 or absent"),
        ("[" * 100_000, "recursion"),
    ],
)
def test_a_broken_json_line_is_counted(line: str, reason: str, written: Written, read_file: Any) -> None:
    path = written("r.jsonl", f'{{"u":1,"i":2,"v":3,"t":1}}\n{line}\n{{"u":2,"i":2,"v":3,"t":1}}\n')
    read = read_file(JsonLinesFile(path, NAMED))
    assert (len(read.rows), read.rejected) == (2, 1)
    assert reason in read.shown[0]


def test_parquet_takes_timestamps_dates_and_ids_with_gaps(tmp_path: Path, read_file: Any) -> None:
    path = tmp_path / "r.parquet"
    moment = datetime(2020, 1, 1, tzinfo=timezone.utc)
    table = {"u": [1.0, None, 3.0], "i": ["a", "b", "c"], "v": [2.5, 3.0, None], "t": [moment] * 3}
    pq.write_table(pa.table(table), path)
    read = read_file(ParquetFile(path, Columns("u", "i", "v", "t")))
    assert read.rows == [("rating", "1", "a", 2.5, 1_577_836_800_000)]
    assert [f"{path}:{n}:" in line for n, line in zip((2, 3), read.shown, strict=True)] == [True, True]
    pq.write_table(pa.table({"u": [1], "i": [2], "t": [date(2020, 1, 1)]}), path)
    assert read_file(ParquetFile(path, Columns("u", "i", time="t"))).rows[0][4] == 1_577_836_800_000


def test_a_file_that_is_no_parquet_is_one_sentence(written: Written, read_file: Any) -> None:
    with pytest.raises(SourceError, match="cannot be read as Parquet"):
        read_file(ParquetFile(written("r.parquet", "no parquet at all"), Columns("u", "i")))
