from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingest.files.recognise import open_source
from ingest.files.rejected_lines import SourceError

Written = Callable[..., Path]
CSV = "userId,movieId,rating,timestamp\n1,31,2.5,1260759144\n"
SHAPES: dict[str, bytes] = {
    "ratings.csv": CSV.encode(),
    "ratings.csv.gz": gzip.compress(CSV.encode()),
    "u.data": b"1\t31\t2.5\t1260759144\n",
    "u1.base": b"1\t31\t2.5\t1260759144\n",
    "ratings.dat": b"1::31::2.5::1260759144\n",
    "ml.inter": b"user_id:token\titem_id:token\trating:float\ttimestamp:float\n1\t31\t2.5\t1260759144\n",
    "any.csv": b"user_id,item_id,value,event_time\n1,31,2.5,1260759144\n",
    "any.tsv": b"user_id\titem_id\tvalue\tevent_time\n1\t31\t2.5\t1260759144\n",
    "any.jsonl": b'{"user_id":1,"item_id":31,"value":2.5,"event_time":1260759144}\n',
}
WANTED = [("rating", "1", "31", 2.5, 1_260_759_144_000)]


@pytest.mark.parametrize("name", list(SHAPES))
def test_a_file_is_recognised_by_its_name(name: str, written: Written, read_back: Any) -> None:
    assert read_back(open_source(written(name, SHAPES[name]), {})).rows == WANTED


@pytest.mark.parametrize("name", [name for name in SHAPES if name != "u1.base"])
def test_a_folder_is_recognised_by_its_files(
    name: str, written: Written, read_back: Any, tmp_path: Path
) -> None:
    written(name, SHAPES[name])
    assert read_back(open_source(tmp_path, {})).rows == WANTED


def test_a_folder_in_a_folder_is_looked_into(written: Written, read_back: Any, tmp_path: Path) -> None:
    written("ml-latest-small/ratings.csv", CSV)
    assert read_back(open_source(tmp_path, {})).rows == WANTED


def test_a_folder_of_mapped_files_is_read_whole(written: Written, read_back: Any, tmp_path: Path) -> None:
    for day in (1, 2):
        written(f"day-{day}.csv", f"who,what,when\nu{day},i,{day}\n")
    read = read_back(open_source(tmp_path, {"user": "who", "item": "what", "time": "when"}))
    assert [row[1] for row in read.rows] == ["u1", "u2"]


def test_a_file_named_like_movielens_with_other_columns_is_read_by_them(
    written: Written, read_back: Any
) -> None:
    assert read_back(open_source(written("ratings.csv", SHAPES["any.csv"]), {})).rows == WANTED


@pytest.mark.parametrize("name", ["notes.md", "picture.png"])
def test_anything_else_is_one_sentence_that_names_the_shapes(
    name: str, written: Written, tmp_path: Path
) -> None:
    path = written(name, "text")
    for source in (path, tmp_path, tmp_path / "absent"):
        with pytest.raises(SourceError, match=r"MovieLens \(ratings.csv, u.data or ratings.dat\), RecBole"):
            open_source(source, {})
