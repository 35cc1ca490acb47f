"""Any CSV, TSV, JSON lines or Parquet file whose columns are named by ``--columns`` or by usual names."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ingest.files.interaction_files import Columns, DelimitedFile, InteractionFile, JsonLinesFile, ParquetFile
from ingest.files.rejected_lines import SourceError
from ingest.files.text_lines import first_line, split, stem

SUFFIXES = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".parquet")
_PARTS = ("user", "item", "value", "time", "type")
# Looked for where --columns does not name a part.
_USUAL: dict[str, tuple[str, ...]] = {
    "user": ("user_id", "user", "userId", "userid"),
    "item": ("item_id", "item", "itemId", "itemid", "movieId"),
    "value": ("value", "rating"),
    "time": ("event_time", "timestamp", "time"),
    "type": ("event_type", "type"),
}


def parse_columns(text: str) -> dict[str, str]:
    """From ``user=a,item=b,...``. Raises SourceError naming the part that is wrong."""
    mapping = {}
    for pair in text.split(","):
        part, separator, name = pair.partition("=")
        if part.strip() not in _PARTS or not separator or not name.strip():
            raise SourceError(
                f"--columns does not understand {pair.strip()!r}; write user=NAME,item=NAME and, where there "
                "are such columns, value=NAME,time=NAME,type=NAME"
            )
        mapping[part.strip()] = name.strip()
    return mapping


def mapped_file(path: Path, mapping: dict[str, str]) -> InteractionFile:
    """The file with its columns. Raises SourceError naming a column it does not have."""
    suffix = Path(stem(path)).suffix
    if suffix == ".parquet":
        return ParquetFile(path, _resolve_columns(path, mapping, _parquet_names(path)))
    if suffix in (".jsonl", ".ndjson"):
        return JsonLinesFile(path, _resolve_columns(path, mapping, _json_names(path)))
    return _delimited_file(path, mapping, suffix)


def _resolve_columns(path: Path, mapping: dict[str, str], names: list[str]) -> Columns[str]:
    for name in mapping.values():
        if name not in names:
            raise SourceError(f"{path} has no column {name!r}; it has {', '.join(names)}")
    found = {part: next((n for n in _USUAL[part] if n in names), None) for part in _PARTS} | mapping
    for part in ("user", "item"):
        if found[part] is None:
            raise SourceError(
                f"{path} has no column {_USUAL[part][0]!r}: say with --columns {part}=NAME which of "
                f"{', '.join(names)} holds the {part}"
            )
    return Columns(
        user=found["user"] or "",
        item=found["item"] or "",
        value=found["value"],
        time=found["time"],
        type=found["type"],
    )


def _parquet_names(path: Path) -> list[str]:
    if path.stat().st_size == 0:
        raise SourceError(f"{path} is empty: there is nothing to ingest in it")
    try:
        return list(pq.read_schema(path).names)
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"{path} cannot be read as Parquet: {error}") from error


def _json_names(path: Path) -> list[str]:
    try:
        row = json.loads(first_line(path))
    except ValueError:
        row = None
    if not isinstance(row, dict):
        raise SourceError(f"{path}: the first line is no JSON object, so its columns are unknown")
    return list(row)


def _delimited_file(path: Path, mapping: dict[str, str], suffix: str) -> DelimitedFile:
    line = first_line(path)
    separator = "\t" if suffix == ".tsv" else max(",\t;|", key=line.count)
    try:
        names = [name.strip() for name in split(line, separator)]
    except ValueError as error:
        raise SourceError(f"{path}: the header has {error}") from error
    if mapping and all(name.isdecimal() for name in mapping.values()):
        return _without_header(path, mapping, separator, len(names))
    named = _resolve_columns(path, mapping, names)
    columns = Columns(
        user=names.index(named.user),
        item=names.index(named.item),
        value=names.index(named.value) if named.value else None,
        time=names.index(named.time) if named.time else None,
        type=names.index(named.type) if named.type else None,
    )
    return DelimitedFile(path, separator, columns, len(names), header=True)


def _without_header(path: Path, mapping: dict[str, str], separator: str, width: int) -> DelimitedFile:
    """Columns given as numbers, counted from 1: the file has no header."""
    position = {part: int(number) - 1 for part, number in mapping.items()}
    for part, index in position.items():
        if not 0 <= index < width:
            raise SourceError(
                f"{path} has {width} columns, so --columns {part}={index + 1} names none of them"
            )
    if not {"user", "item"} <= set(position):
        raise SourceError("--columns needs at least user=... and item=...")
    columns = Columns(
        user=position["user"],
        item=position["item"],
        value=position.get("value"),
        time=position.get("time"),
        type=position.get("type"),
    )
    return DelimitedFile(path, separator, columns, width, header=False)
