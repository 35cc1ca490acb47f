"""Text files line by line, plain or gzipped, whatever stands in them."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from ingest.files.rejected_lines import SourceError


def numbered_lines(path: Path, encoding: str = "utf-8-sig") -> Iterator[tuple[int, str]]:
    """(line number from 1, line without its end), blank lines left out.

    Bytes that the encoding does not know survive as lone surrogates, which the identifiers' check refuses.
    Raises SourceError where the file cannot be read.
    """
    opens = gzip.open if path.suffix == ".gz" else open
    try:
        with opens(path, "rt", encoding=encoding, errors="surrogateescape") as file:
            for number, line in enumerate(file, 1):
                text = line.rstrip("\r\n")
                if text:
                    yield number, text
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(f"{path} cannot be read: {error}") from error


def first_line(path: Path, encoding: str = "utf-8-sig") -> str:
    """The first line that is not blank. Raises SourceError for an empty file."""
    for _, line in numbered_lines(path, encoding):
        return line
    raise SourceError(f"{path} is empty: there is nothing to ingest in it")


def split(line: str, separator: str) -> list[str]:
    """The line's fields. Quotes hold within one line only, so that a lost quote costs one line.

    Raises ValueError for an unclosed quote.
    """
    if '"' not in line or separator not in (",", ";"):
        return line.split(separator)
    try:
        return next(csv.reader([line], delimiter=separator, strict=True))
    except csv.Error as error:
        raise ValueError(f"broken quotes ({error})") from None


def stem(path: Path) -> str:
    """The file's name without a .gz at its end, in lower case."""
    return path.name.lower().removesuffix(".gz")


def modified_ms(path: Path) -> int:
    """The file's modification time in epoch milliseconds."""
    return path.stat().st_mtime_ns // 1_000_000
