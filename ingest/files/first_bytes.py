"""Recognises a file's format by its first bytes, never by its name."""

from __future__ import annotations

import bz2
import gzip
import lzma
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
)
PARQUET_MAGIC = b"PAR1"
# Formats that cannot be read, each with what to do instead.
_REFUSED: tuple[tuple[bytes, str], ...] = (
    (b"\xd0\xcf\x11\xe0", "an Excel workbook (.xls): save the sheet as CSV UTF-8"),
    (b"%PDF", "a PDF document: export the table as CSV"),
    (b"SQLite format 3", "an SQLite database: export the table, for example `sqlite3 -csv -header`"),
    (b"Obj\x01", "an Avro file: write it as Parquet or JSON lines"),
    (b"ORC", "an ORC file: write it as Parquet"),
    (b"ARROW1", "an Arrow (Feather) file: write it as Parquet, `pandas.read_feather(...).to_parquet(...)`"),
    (b"\x89HDF", "an HDF5 file: write it as Parquet, `pandas.read_hdf(...).to_parquet(...)`"),
    (b"\x93NUMPY", "a numpy array: write it as CSV, `numpy.savetxt(...)`"),
    (b"\x80\x04\x95", "a Python pickle, which is not opened because it may run code: write it as Parquet"),
    (b"\x80\x05\x95", "a Python pickle, which is not opened because it may run code: write it as Parquet"),
    (b"Rar!", "a RAR archive: unpack it"),
    (b"7z\xbc\xaf", "a 7-Zip archive: unpack it"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"@relation", "an ARFF file: write it as CSV, the names of its attributes as the header"),
    (b"@RELATION", "an ARFF file: write it as CSV, the names of its attributes as the header"),
    (b"INSERT INTO", "a dump in SQL: export the table as CSV"),
    (b"CREATE TABLE", "a dump in SQL: export the table as CSV"),
    (b"-- ", "a dump in SQL: export the table as CSV"),
)


def packing_of(path: Path) -> Packing:
    """Find how a file is compressed. Raises SourceError if it is empty or cannot be read."""
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error}") from error
    if not head.strip(b"\r\n\xef\xbb\xbf"):
        raise NoTableError(f"{path} is empty: there is nothing to ingest in it")
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
        return cast("IO[bytes]", pa.input_stream(str(path), compression="zstd"))
    return path.open("rb")


UNREADABLE = (OSError, EOFError, zlib.error, lzma.LZMAError, pa.ArrowException)


def head_of(path: Path, packing: Packing) -> bytes:
    """The first decompressed bytes. Raises SourceError if they cannot be read or show a format we do not
    read."""
    try:
        with open_packed(path, packing) as file:
            head = file.read(HEAD_BYTES)
    except UNREADABLE as error:
        raise SourceError(f"{path} cannot be read: {error}") from error
    if not head.strip():
        raise NoTableError(f"{path} is empty: there is nothing to ingest in it")
    for magic, what in _REFUSED:
        if head.startswith(magic):
            raise NoTableError(f"{path} is {what}")
    start = head[:200].lstrip(b"\xef\xbb\xbf \r\n\t").lower()
    if start.startswith((b"<!doctype html", b"<html")):
        raise NoTableError(f"{path} is a web page, perhaps that of a failed download: fetch the file again")
    if start.startswith(b"<?xml"):
        raise NoTableError(f"{path} is XML: write it as CSV or JSON lines")
    return head


def is_text(head: bytes) -> bool:
    """Whether bytes are text in any encoding: without zero bytes, except in UTF-16 and UTF-32."""
    sample = head[:4096]
    if b"\x00" not in sample:
        return True
    zeros_even, zeros_odd = sample[::2].count(0), sample[1::2].count(0)
    return max(zeros_even, zeros_odd) > len(sample) // 8
