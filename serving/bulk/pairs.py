"""Reads pairs of a user and an item from CSV or Parquet, and writes them with estimates as CSV or JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from clients.whole_file import replace_whole
from contracts.identifiers import canonical_id

_ROWS_AT_ONCE = 50_000


class PairFileError(Exception):
    """A file that cannot be read or written; the message says what to do."""


class Pair(NamedTuple):
    """A user and an item."""

    user_id: str
    item_id: str


class Estimated(NamedTuple):
    """A pair with its estimate; None where the model cannot tell."""

    pair: Pair
    estimate: float | None


def read_pairs(path: Path, user_column: str, item_column: str) -> Iterator[list[Pair]]:
    """The pairs of a file in its order, at most 50,000 at once. Raises PairFileError."""
    is_parquet = path.suffix.lower() in (".parquet", ".pq")
    try:
        parts = _read_parquet if is_parquet else _read_csv
        for first, part in _with_numbers(parts(path, user_column, item_column)):
            yield [_pair(row, number) for number, row in enumerate(part, first)]
    except UnicodeDecodeError as error:
        raise PairFileError(f"{path} is not UTF-8 text ({error}): save it as UTF-8") from error
    except (OSError, csv.Error) as error:
        raise PairFileError(f"{path} cannot be read ({error}): give a CSV file or a Parquet file") from error


def _with_numbers(parts: Iterable[list[tuple[Any, Any]]]) -> Iterator[tuple[int, list[tuple[Any, Any]]]]:
    """Each part with the number of its first row, from 1."""
    first = 1
    for part in parts:
        yield first, part
        first += len(part)


def _pair(row: tuple[Any, Any], number: int) -> Pair:
    try:
        user, item = (canonical_id(int(each) if isinstance(each, bool) else each) for each in row)
    except ValueError as error:
        raise PairFileError(f"row {number}: {error}") from error
    if user in (None, "") or item in (None, ""):
        raise PairFileError(f"row {number} names no {'item' if user else 'user'}: remove it or complete it")
    return Pair(str(user), str(item))


def _read_csv(path: Path, user_column: str, item_column: str) -> Iterator[list[tuple[Any, Any]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        _check_columns(path, rows.fieldnames or (), user_column, item_column)
        part: list[tuple[Any, Any]] = []
        for row in rows:
            part.append((row[user_column], row[item_column]))
            if len(part) == _ROWS_AT_ONCE:
                yield part
                part = []
        if part:
            yield part


def _read_parquet(path: Path, user_column: str, item_column: str) -> Iterator[list[tuple[Any, Any]]]:
    try:
        parquet, arrow = import_module("pyarrow.parquet"), import_module("pyarrow")
    except ModuleNotFoundError as error:
        raise PairFileError(
            f"{path} needs pyarrow: pip install 'headwater[stack]', or give a CSV file"
        ) from error
    try:
        with parquet.ParquetFile(path) as file:
            _check_columns(path, file.schema_arrow.names, user_column, item_column)
            for batch in file.iter_batches(_ROWS_AT_ONCE, columns=[user_column, item_column]):
                yield list(zip(batch[user_column].to_pylist(), batch[item_column].to_pylist(), strict=True))
    except arrow.ArrowException as error:
        raise PairFileError(f"{path} is no Parquet file ({error})") from error


def _check_columns(path: Path, names: Iterable[str], user_column: str, item_column: str) -> None:
    missing = [name for name in (user_column, item_column) if name not in tuple(names)]
    if missing:
        raise PairFileError(
            f"{path} has no column {' and no column '.join(missing)}; it has {', '.join(names) or 'none'}: "
            "name them by --user-column and --item-column"
        )


class EstimateWriter:
    """Writes estimates one after another, by the name of the file: .csv, .jsonl or .json."""

    def __init__(self, file: TextIO, suffix: str) -> None:
        self._file, self._suffix, self._count = file, suffix, 0
        self._csv = csv.writer(file, lineterminator="\n")
        if suffix == ".csv":
            self._csv.writerow(("user_id", "item_id", "estimate"))

    def write(self, rows: Iterable[Estimated]) -> None:
        """Write a row for each. An estimate of None is NaN in CSV, and null in JSON, which has no NaN."""
        for (user_id, item_id), estimate in rows:
            if self._suffix == ".csv":
                self._csv.writerow((user_id, item_id, "NaN" if estimate is None else repr(estimate)))
            else:
                record = {"user_id": user_id, "item_id": item_id, "estimate": estimate}
                lead = "" if self._suffix == ".jsonl" else ",\n" if self._count else "[\n"
                end = "\n" if self._suffix == ".jsonl" else ""
                self._file.write(f"{lead}{json.dumps(record, ensure_ascii=False)}{end}")
            self._count += 1

    def close(self) -> None:
        """Write what ends the file."""
        if self._suffix == ".json":
            self._file.write("\n]\n" if self._count else "[]\n")


@contextmanager
def whole_file(path: Path) -> Iterator[EstimateWriter]:
    """A writer of a file that appears whole or not at all. PairFileError for another ending of the name."""
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".json", ".jsonl"):
        raise PairFileError(f"{path}: give a name that ends in .csv, .jsonl or .json")
    try:
        with replace_whole(path) as part, part.open("w", encoding="utf-8", newline="") as file:
            writer = EstimateWriter(file, suffix)
            yield writer
            writer.close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise PairFileError(f"{path} cannot be written ({reason}): name another file or folder") from error
