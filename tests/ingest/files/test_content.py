"""What a file's bytes are: readable text, something packed, or another format, which an error names."""

from __future__ import annotations

import gzip
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ingest.files.rejected_lines import SourceError

Written = Callable[..., Path]
CSV = "user,item,rating,timestamp\n" + "".join(f"{n},{n},3,1500000000\n" for n in range(500))
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


@pytest.mark.parametrize(
    ("content", "cure"),
    [
        (POINTER.encode(), "`git lfs pull`"),
        (b"/annex/objects/SHA256E-s1--a.csv\n", "`git annex get`"),
        (b"<table><tr><td>user</td></tr></table>", "a web page, perhaps that of a failed download"),
        (b"<Error><Code>AccessDenied</Code></Error>", "perhaps the answer of a failed download"),
        (b"\0" * 8 + b"DUCK" + b"\0" * 99, "a database of DuckDB: export the table"),
        (b"\xff\xff\xff\xff\x78\x01", "a stream of Arrow: write it as Parquet"),
        (gzip.compress(b"RDX3\nX\n"), "a file of R's objects: write it as CSV"),
        (b"COPY public.ratings (u, i) FROM stdin;\n1\t2\n\\.\n", "a dump in SQL: export the table"),
        (b"+------+------+\n| user | item |\n", "a table as a database prints it: export it as CSV"),
        (b"\x10" + b"\0" * 7 + b"abcd\x0a\x0e" + b"\0" * 50, "its content is not text"),
        (bytes(range(1, 200)), "its content is not text"),
        (gzip.compress(gzip.compress(CSV.encode())), "is packed twice: unpack it once"),
        (pa.compress(CSV.encode() * 50, "zstd").to_pybytes()[:-20], "is damaged or cut off"),
        (gzip.compress(CSV.encode())[:-8], "is damaged or cut off"),
        *((pickle.dumps([(1, 2)] * 9, protocol=n), "may run code: write it as Parquet") for n in range(6)),
    ],
)
def test_a_file_without_a_readable_table_is_an_error_with_the_cure(
    content: bytes, cure: str, write_file: Written, read_back: Any
) -> None:
    with pytest.raises(SourceError) as refused:
        read_back(write_file("ratings.csv", content))
    assert cure in str(refused.value)


def test_a_refused_row_of_a_text_that_zstd_packed_is_shown_with_its_line(
    write_file: Written, read_back: Any
) -> None:
    packed = pa.compress((CSV + "9,9,x,1500000000\n").encode(), "zstd").to_pybytes()
    path = write_file("ratings.csv.zst", packed)
    read = read_back(path)
    assert (len(read.events), read.rejected) == (500, 1)
    assert read.shown[0].startswith(f"{path}:502: value 'x'")


@pytest.fixture
def write_archive(tmp_path: Path) -> Callable[..., Path]:
    """Writes a zip archive with these members, and returns its path."""

    def write(name: str, members: dict[str, str | bytes], has_password: bool = False) -> Path:
        path = tmp_path / name
        with zipfile.ZipFile(path, "w") as archive:
            for member, content in members.items():
                archive.writestr(member, content)
        if has_password:
            # The first bit of a member's flags says that it is encrypted.
            packed = bytearray(path.read_bytes())
            packed[packed.index(b"PK\x01\x02") + 8] |= 1
            path.write_bytes(bytes(packed))
        return path

    return write


def test_the_members_of_an_archive_are_named_without_the_folder_where_they_are_unpacked(
    write_archive: Callable[..., Path], read_back: Any
) -> None:
    read = read_back(write_archive("r.zip", {"a.csv": CSV, "b.csv": CSV + ",9,3,1500000000\n"}))
    assert len(read.events) == 1_000
    assert read.block.splitlines()[0] == "r.zip/a.csv"
    assert read.shown[0].startswith("r.zip/b.csv:502: user")


@pytest.mark.parametrize(
    ("members", "has_password", "cure"),
    [
        ({"a.csv": CSV}, True, "a zip archive with a password: unpack it"),
        ({}, False, "holds no file that can be read"),
        ({"data.zip": b"PK\x03\x04"}, False, "r.zip/data.zip is an archive among other files: unpack it"),
    ],
)
def test_an_archive_that_cannot_be_unpacked_is_an_error_with_the_cure(
    members: dict[str, Any], has_password: bool, cure: str, write_archive: Callable[..., Path], read_back: Any
) -> None:
    with pytest.raises(SourceError) as refused:
        read_back(write_archive("r.zip", members, has_password))
    assert cure in str(refused.value)
    assert "unpacked-" not in str(refused.value)
