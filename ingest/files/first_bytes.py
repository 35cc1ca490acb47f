"""Recognises a file's format by its first bytes, never by its name."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import zlib
from enum import Enum
from pathlib import Path
from typing import IO, cast

import pyarrow as pa

from ingest.files.rejected_lines import NoTableError, SourceError

HEAD_BYTES = 1 << 18
_TAR_MAGIC = slice(257, 262)


class Packing(Enum):
    """How a file is compressed."""

    NONE = "none"
    GZIP = "gzip"
    ZSTD = "zstd"
    BZIP2 = "bzip2"
    XZ = "xz"
    ZIP = "zip"
    TAR = "tar"


_PACKINGS: tuple[tuple[bytes, Packing], ...] = (
    (b"\x1f\x8b", Packing.GZIP),
    (b"\x28\xb5\x2f\xfd", Packing.ZSTD),
    (b"BZh", Packing.BZIP2),
    (b"\xfd7zXZ\x00", Packing.XZ),
    (b"PK\x03\x04", Packing.ZIP),
    (b"PK\x05\x06", Packing.ZIP),  # an empty archive
)
CUT_OFF = "is damaged or cut off ({}): fetch the file again"
PARQUET_MAGIC = b"PAR1"
_PICKLE = "a Python pickle, which is not opened because it may run code: write it as Parquet"
_SQL_DUMP = "a dump in SQL: export the table as CSV"
_OF_R = "a file of R's objects: write it as CSV, `write.csv(...)`"
_POINTER = "not the data but a pointer to it, which {tool} left in its place: fetch the data with `{command}`"
# Formats that cannot be read, each with what to do instead.
_REFUSED: tuple[tuple[bytes, str], ...] = (
    (b"\xd0\xcf\x11\xe0", "an Excel workbook (.xls): save the sheet as CSV UTF-8"),
    (b"%PDF", "a PDF document: export the table as CSV"),
    (b"SQLite format 3", "an SQLite database: export the table, for example `sqlite3 -csv -header`"),
    (b"Obj\x01", "an Avro file: write it as Parquet or JSON lines"),
    (b"ORC", "an ORC file: write it as Parquet"),
    (b"\x89HDF", "an HDF5 file: write it as Parquet, `pandas.read_hdf(...).to_parquet(...)`"),
    (b"\x93NUMPY", "a numpy array: write it as CSV, `numpy.savetxt(...)`"),
    (b"ARROW1", "an Arrow (Feather) file: write it as Parquet, `pandas.read_feather(...).to_parquet(...)`"),
    (b"\xff\xff\xff\xff", "a stream of Arrow: write it as Parquet, `pyarrow.parquet.write_table(...)`"),
    (b"MATLAB 5.0", "a MATLAB file: write it as CSV, `writetable(...)`"),
    *((magic, _OF_R) for magic in (b"RDX", b"RDA", b"X\n\x00\x00", b"A\n3\n", b"A\n2\n")),
    *((magic, _PICKLE) for magic in (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"(lp0", b"(dp0")),
    *((magic, _PICKLE) for magic in (b"ccopy_reg", b"cpandas", b"cnumpy", b"]q\x00", b"}q\x00")),
    (b"Rar!", "a RAR archive: unpack it"),
    (b"7z\xbc\xaf", "a 7-Zip archive: unpack it"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"@relation", "an ARFF file: write it as CSV, the names of its attributes as the header"),
    (b"@RELATION", "an ARFF file: write it as CSV, the names of its attributes as the header"),
    *(
        (magic, _SQL_DUMP)
        for magic in (b"INSERT INTO", b"CREATE TABLE", b"-- ", b"--\n-- ", b"/*!", b"COPY ")
    ),
    (b"PGDMP", "a dump of PostgreSQL: export the table as CSV, `psql -c '\\copy ... csv header'`"),
    (b"version https://git-lfs", _POINTER.format(tool="Git LFS", command="git lfs pull")),
    (b"/annex/objects/", _POINTER.format(tool="git-annex", command="git annex get")),
    (b"outs:\n- ", _POINTER.format(tool="DVC", command="dvc pull")),
    (b"+---", "a table as a database prints it: export it as CSV"),
)
_DUCKDB = slice(8, 12)  # where a database of DuckDB has its magic bytes
_WEB_PAGE = (b"<!doctype html", b"<html", b"<head", b"<body", b"<table", b"<div", b"<script", b"<meta")
_ELEMENTS = re.compile(rb"<[a-z?!][^<>]*>\s*<[a-z?!/]")
# Bytes that text holds rarely. The first ones separate the fields of some texts.
_CONTROL = frozenset(range(32)) - frozenset(b"\x01\x02\x03\t\n\x0b\x0c\r\x1a\x1b\x1c\x1d\x1e\x1f")
_MOST_CONTROL = 0.02


def packing_of(path: Path) -> Packing:
    """Find how a file is compressed. Raises SourceError if it is empty or cannot be read."""
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error}") from error
    if not head.strip(b"\r\n\xef\xbb\xbf"):
        raise NoTableError(f"{path} is empty: there is nothing to ingest in it")
    return packing_of_bytes(head)


def packing_of_bytes(head: bytes) -> Packing:
    """How bytes are compressed, by the first of them."""
    if head[_TAR_MAGIC] == b"ustar":
        return Packing.TAR
    return next((packing for magic, packing in _PACKINGS if head.startswith(magic)), Packing.NONE)


def open_packed(path: Path, packing: Packing) -> IO[bytes]:
    """Open a file for reading its decompressed bytes."""
    if packing is Packing.GZIP:
        return cast("IO[bytes]", gzip.open(path, "rb"))
    if packing is Packing.BZIP2:
        return cast("IO[bytes]", bz2.open(path, "rb"))
    if packing is Packing.XZ:
        return cast("IO[bytes]", lzma.open(path, "rb"))
    if packing is Packing.ZSTD:
        # Arrow's stream cannot be read by lines.
        return cast("IO[bytes]", io.BufferedReader(pa.input_stream(str(path), compression="zstd")))
    return path.open("rb")


UNREADABLE = (OSError, EOFError, zlib.error, lzma.LZMAError, pa.ArrowException)


def head_of(path: Path, packing: Packing) -> bytes:
    """The first decompressed bytes. Raises SourceError if they cannot be read or show a format we do not
    read."""
    try:
        with open_packed(path, packing) as file:
            head = file.read(HEAD_BYTES)
    except UNREADABLE as error:
        raise SourceError(f"{path} {CUT_OFF.format(error)}") from error
    if not head.strip():
        raise NoTableError(f"{path} is empty: there is nothing to ingest in it")
    for magic, what in _REFUSED:
        if head.startswith(magic):
            raise NoTableError(f"{path} is {what}")
    if head[_DUCKDB] == b"DUCK":
        raise NoTableError(f"{path} is a database of DuckDB: export the table, `COPY ... TO 'x.parquet'`")
    start = head[:500].lstrip(b"\xef\xbb\xbf \r\n\t").lower()
    if start.startswith(_WEB_PAGE):
        raise NoTableError(f"{path} is a web page, perhaps that of a failed download: fetch the file again")
    if _ELEMENTS.match(start):
        raise NoTableError(
            f"{path} is XML, perhaps the answer of a failed download: fetch the file again, or write it as "
            "CSV or JSON lines"
        )
    return head


def is_text(head: bytes) -> bool:
    """Whether bytes are text, UTF-16 excepted: without zeros, with hardly any control characters."""
    sample = head[:4096]
    strange = sum(byte in _CONTROL for byte in sample)
    return b"\x00" not in sample and strange <= _MOST_CONTROL * len(sample)
