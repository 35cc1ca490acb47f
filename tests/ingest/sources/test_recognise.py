from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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
def test_a_file_is_recognised_by_its_name(name: str, write_file: Written, read_back: Any) -> None:
    assert read_back(write_file(name, SHAPES[name])).rows == WANTED


@pytest.mark.parametrize("name", [name for name in SHAPES if name != "u1.base"])
def test_a_folder_is_recognised_by_its_files(
    name: str, write_file: Written, read_back: Any, tmp_path: Path
) -> None:
    write_file(name, SHAPES[name])
    assert read_back(tmp_path).rows == WANTED


def test_a_nested_folder_is_searched(write_file: Written, read_back: Any, tmp_path: Path) -> None:
    write_file("ml-latest-small/ratings.csv", CSV)
    assert read_back(tmp_path).rows == WANTED


def test_all_files_of_a_folder_with_a_mapping_are_read(
    write_file: Written, read_back: Any, tmp_path: Path
) -> None:
    for day in (1, 2):
        write_file(f"day-{day}.csv", f"who,what,when\nu{day},i,150000000{day}\n")
    read = read_back(tmp_path, columns="user=who,item=what,time=when")
    assert [row[1] for row in read.rows] == ["u1", "u2"]


def test_a_file_named_like_movielens_with_other_columns_is_read_by_its_columns(
    write_file: Written, read_back: Any
) -> None:
    assert read_back(write_file("ratings.csv", SHAPES["any.csv"])).rows == WANTED


def test_files_without_users_and_items_are_skipped_with_a_message(
    write_file: Written, read_back: Any, tmp_path: Path
) -> None:
    write_file("any.csv", SHAPES["any.csv"])
    write_file("categories.csv", "categoryid,parentid\n1,2\n")
    write_file("notes.pdf.txt", b"%PDF-1.4")
    read = read_back(tmp_path)
    assert read.rows == WANTED
    assert "categories.csv is skipped: its columns name no user and item" in read.block
    assert "notes.pdf.txt is a PDF document" in read.block


def test_a_damaged_file_of_a_folder_is_an_error(write_file: Written, read_back: Any, tmp_path: Path) -> None:
    write_file("any.csv", SHAPES["any.csv"])
    write_file("more.csv.gz", gzip.compress(CSV.encode() * 100)[:60])
    with pytest.raises(SourceError, match=r"more\.csv\.gz is damaged or cut off"):
        read_back(tmp_path)


def test_an_archive_is_searched(tmp_path: Path, read_back: Any) -> None:
    for name in ("ml.zip", "ml.tar.gz"):
        path = tmp_path / name
        if name.endswith("zip"):
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("ml-latest/ratings.csv", CSV)
                archive.writestr("ml-latest/README.txt", "about the data\n")
        else:
            with tarfile.open(path, "w:gz") as packed:
                member = tarfile.TarInfo("ml-latest/ratings.csv")
                member.size = len(CSV)
                packed.addfile(member, io.BytesIO(CSV.encode()))
        assert read_back(path).rows == WANTED


def test_a_missing_path_and_an_empty_folder_are_one_sentence_each(tmp_path: Path, read_back: Any) -> None:
    with pytest.raises(SourceError, match=r"absent does not exist; a source is `synthetic`"):
        read_back(tmp_path / "absent")
    with pytest.raises(SourceError, match="holds no file that can be read"):
        read_back(tmp_path)


@pytest.mark.parametrize("address", ["s3://bucket/ratings.csv", "https://example.com/ratings.csv"])
def test_an_address_is_an_error_that_says_to_copy_the_file(address: str, read_back: Any) -> None:
    with pytest.raises(SourceError, match="is not on this machine: copy it here first"):
        read_back(Path(address))
