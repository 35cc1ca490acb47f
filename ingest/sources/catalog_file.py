"""Reads a file of items or users for `headwater catalog import`, in any format that `ingest` reads.

One column is the id, one the title, one the categories; all others become attributes with the columns' names.
"""

from __future__ import annotations

import ast
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from contracts.catalog import (
    MAX_ATTRIBUTE_LENGTH,
    MAX_CATEGORIES,
    MAX_CATEGORY_LENGTH,
    MAX_TITLE_LENGTH,
    CatalogEntry,
    CatalogKind,
)
from contracts.identifiers import BLANKS, INEXACT_FROM
from ingest.files.columns import NONE, USUAL, find_named, plain
from ingest.files.content import content_of
from ingest.files.delimited_text import Refused
from ingest.files.engine import Engine, sql_literal
from ingest.files.rejected_lines import RejectedLines, SourceError
from ingest.files.tables import DelimitedTable, JsonTable, ParquetTable, Table, table_of
from ingest.meaning.encoding import EncodedEvent, reason_of
from ingest.meaning.identifiers import LOST_DIGITS, NULL_LIKE, float_ids, usual_texts
from ingest.meaning.options import parse_separator
from ingest.sources.consent import TooMuchRefusedError

PARTS = ("id", "title", "categories")
_TITLES = (
    "title", "name", "itemname", "producttitle", "productname", "prodname", "movietitle", "booktitle",
    "headline",
)  # fmt: skip
_CATEGORIES = ("categories", "category", "genres", "genre", "tags", "class", "producttype")
_ROWS, _SHOWN = "entries", 3
_LOOKED_AT = 100  # entries that are looked at for a separator of categories
_FEW = 10  # rows that repeat an id: not yet a sign of another kind of file


@dataclass(frozen=True)
class EntryColumns:
    """Which columns hold the id, the title, the categories and the attributes."""

    id: str
    title: str | None
    categories: str | None
    attributes: tuple[str, ...]


@dataclass(frozen=True)
class EntryOptions:
    """A person's options for reading the file."""

    kind: CatalogKind = "item"
    columns: Mapping[str, str] | None = None  # part -> column, or "-" if the file has none
    without: tuple[str, ...] = ()  # columns that are left out
    separator: str = "|"  # between categories in one text
    shorten: bool = False  # cut texts that are longer than the catalogue takes, instead of refusing them
    encoding: str | None = None
    field_separator: str | None = None  # of text


def entry_options(
    kind: str,
    columns: str | None,
    without: str,
    separator: str,
    shorten: bool,
    encoding: str | None,
    field_separator: str | None = None,
) -> EntryOptions:
    """Parse the options of a command line. Raises SourceError."""
    if kind not in ("item", "user"):
        raise SourceError(f"--kind takes item or user, not {kind!r}")
    if not separator:
        raise SourceError("--category-separator takes at least one character")
    told = {}
    for pair in filter(None, (columns or "").split(",")):
        part, _, name = (word.strip() for word in pair.partition("="))
        if part not in PARTS or not name:
            raise SourceError(
                f"--columns does not understand {pair!r}; write id=NAME,title=NAME,categories=NAME"
            )
        told[part] = name
    left_out = tuple(name.strip() for name in without.split(",") if name.strip())
    return EntryOptions(
        kind=cast(CatalogKind, kind),
        columns=told,
        without=left_out,
        separator=separator,
        shorten=shorten,
        encoding=encoding,
        field_separator=parse_separator(field_separator) if field_separator is not None else None,
    )


def entry_columns(table: Table, options: EntryOptions) -> EntryColumns:
    """Find the columns as the person says, or by usual names. Raises SourceError naming what is missing."""
    names, source = table.names, str(table.shown_path)
    left_out = {find_named(source, names, name) for name in options.without}
    told = {
        part: find_named(source, names, name)
        for part, name in (options.columns or {}).items()
        if name != NONE
    }
    free = {
        plain(name): name for name in reversed(names) if name not in left_out and name not in told.values()
    }
    usual = {
        "id": ("id", *USUAL["user" if options.kind == "user" else "item"]),
        "title": _TITLES,
        "categories": _CATEGORIES,
    }
    for part in PARTS:
        if part not in (options.columns or {}):
            found = next((free[name] for name in usual[part] if name in free), None)
            if found is not None:
                told[part] = found
    if "id" not in told:
        raise SourceError(
            f"{source} has no column 'id' or another usual name of the id: use --columns id=NAME to say "
            f"which of {', '.join(names[:40])} it is"
        )
    rest = tuple(name for name in names if name not in left_out and name not in told.values())
    return EntryColumns(told["id"], told.get("title"), told.get("categories"), rest)


@dataclass
class CatalogFile:
    """A source of catalogue entries. All have the present time, so that they replace existing entries."""

    engine: Engine
    table: Table
    columns: EntryColumns
    options: EntryOptions
    updated_at: int

    @classmethod
    def open(cls, path: Path, options: EntryOptions, engine: Engine) -> CatalogFile:
        """Find the file's format and columns. Raises SourceError."""
        if not path.is_file():
            raise SourceError(f"{path} is not a file: name one file of items or users")
        told = [name for name in (options.columns or {}).values() if name != NONE]
        numbered = bool(told) and all(name.isdecimal() for name in told)
        table = table_of(
            content_of(path, engine.folder, options.encoding), engine, numbered, options.field_separator
        )
        columns = entry_columns(table, options)
        return cls(engine, table, columns, options, updated_at=time.time_ns() // 1_000_000)

    def notes(self) -> list[str]:
        """What a person should know before the entries go out."""
        columns = self.columns
        parts = {"id": columns.id, "title": columns.title, "categories": columns.categories}
        parts["attributes"] = ", ".join(columns.attributes)
        told = "; ".join(f"{part}: {name or '(none)'}" for part, name in parts.items())
        shown = [f"{self.table.shown_path}: {self.table.shape}", f"  {told}"]
        first = list(islice(self.catalog(RejectedLines(lambda _: None)), _LOOKED_AT))
        shown += [f"  {entry.to_json().decode()[:300]}" for entry in first[:_SHOWN]]
        joined = next(
            (e.categories[0] for e in first if len(e.categories) == 1 and ", " in e.categories[0]), ""
        )
        if joined:
            shown.append(
                f"  the category {joined[:60]!r} is taken as one: --category-separator ', ' divides it"
            )
        return shown

    def catalog(self, rejected: RejectedLines) -> Iterator[CatalogEntry]:
        """The entries in the file's order. Refused rows are counted in ``rejected`` with their lines."""
        refused, rows = _read(self.table, self.columns, self.engine)
        for record in refused.first:
            rejected.add(self.table.shown_path, record.line, record.reason)
        rejected.add_all(refused.count - len(refused.first), ())
        broken: dict[int, tuple[int, str]] = {}
        for place, (line, row) in enumerate(rows, 1):
            try:
                yield self._entry(row)
            except ValidationError as error:
                broken[place] = line, reason_of(error)
            except ValueError as error:
                broken[place] = line, str(error)
        lines = self.table.line_of_rows(list(broken), refused) if broken else {}
        for place, (line, reason) in broken.items():
            rejected.add(self.table.shown_path, lines.get(place, line), reason)

    def events(self, rejected: RejectedLines) -> Iterator[EncodedEvent]:
        """No events: a catalogue has none."""
        return iter(())

    def _entry(self, row: Mapping[str, Any]) -> CatalogEntry:
        columns, options = self.columns, self.options
        title = cell_text(row.get(columns.title)) if columns.title else ""
        categories = (
            categories_of(row.get(columns.categories), options.separator) if columns.categories else ()
        )
        attributes = {name: text for name in columns.attributes if (text := cell_text(row.get(name)))}
        if options.shorten:
            title = title[:MAX_TITLE_LENGTH]
            categories = tuple(each[:MAX_CATEGORY_LENGTH] for each in categories[:MAX_CATEGORIES])
            attributes = {name: text[:MAX_ATTRIBUTE_LENGTH] for name, text in attributes.items()}
        return CatalogEntry(
            kind=options.kind,
            id=_identifier(row.get(columns.id)),
            title=title or None,
            categories=categories,
            attributes=attributes,
            updated_at=self.updated_at,
        )


def _identifier(cell: Any) -> Any:
    """The id in a cell. Raises ValueError if it is empty, or not whole."""
    if not cell_text(cell):
        raise ValueError(f"id {cell!r} is empty: there is no id")
    if isinstance(cell, str) and re.fullmatch(LOST_DIGITS, cell):
        raise ValueError(f"id {cell!r} has lost its digits in a spreadsheet or as a float: export it as text")
    return cell


def _with_usual_ids(engine: Engine, column: str) -> None:
    """Write ids that are numbers in another notation (7.0, 1,234) in the usual one, as `ingest` does."""
    trimmed = f"trim({column}, {sql_literal(BLANKS)})"
    found = float_ids(engine, f"(SELECT {trimmed} AS entry, 0 AS file FROM {_ROWS})", "entry", [0])
    for files, text in usual_texts(trimmed, found):
        if files:
            engine.run(f"UPDATE {_ROWS} SET {column} = {text}")


def check_entries(file: CatalogFile, most_refused: float, tell: Callable[[str], None]) -> None:
    """Read the file once, before anything is sent, and say what it holds. Raises TooMuchRefusedError, and
    SourceError where most rows repeat an id."""
    rejected = RejectedLines(lambda _: None)
    accepted, ids = 0, set()
    for entry in file.catalog(rejected):
        accepted += 1
        ids.add(hash(entry.id))
    refused, rows = rejected.count, accepted + rejected.count
    again = accepted - len(ids)
    repeated = f", {again:,} with the id of another one" if again else ""
    tell(f"  {accepted:,} entries, {refused:,} refused{repeated}")
    if again > max(_FEW, accepted / 2):
        raise SourceError(
            f"{accepted:,} rows describe only {len(ids):,} {file.options.kind}s: do they hold interactions? "
            "`headwater ingest` reads those. Nothing was sent"
        )
    if rows and refused / rows > most_refused:
        raise TooMuchRefusedError(
            f"{refused:,} of {rows:,} rows would be refused, more than {most_refused:.1%}; the first: "
            f"{rejected.sample[0]}. Nothing was sent: --without NAME leaves a column out, --shorten cuts "
            "texts that are too long, --most-refused SHARE sends only the other rows"
        )


def categories_of(cell: Any, separator: str) -> tuple[str, ...]:
    """The categories in a cell: a list, a JSON or Python list as text, or a text split at the separator."""
    if isinstance(cell, str) and cell.strip().startswith("["):
        try:
            cell = ast.literal_eval(cell.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            cell = [cell]
    parts = cell if isinstance(cell, list | tuple) else cell_text(cell).split(separator)
    texts = (cell_text(_flat(part)).strip() for part in parts)
    return tuple(dict.fromkeys(text for text in texts if text))


def _flat(part: Any) -> Any:
    """The last name of a nested list: Amazon writes paths of categories, and the last one is the most
    specific."""
    while isinstance(part, list) and part:
        part = part[-1]
    return part


def cell_text(cell: Any) -> str:
    """A cell's text as the value of an attribute; "" for an empty cell."""
    if isinstance(cell, str):
        text = cell.strip()
        return "" if text.lower() in NULL_LIKE else text
    if cell is None or cell != cell:  # NaN
        return ""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < INEXACT_FROM:
        return str(int(cell))
    if isinstance(cell, list | dict):
        return json.dumps(cell, ensure_ascii=False, default=str) if cell else ""
    return str(cell)


def _read(
    table: Table, columns: EntryColumns, engine: Engine
) -> tuple[Refused, Iterator[tuple[int, dict[str, Any]]]]:
    """The refused records, and the others as (line, column -> cell)."""
    names = table.names
    if isinstance(table, JsonTable):
        objects = engine.stream(f"SELECT line, json FROM {table.objects} ORDER BY line")
        return table.refused, ((line, json.loads(text)) for line, text in objects)
    refused = Refused()
    if isinstance(table, ParquetTable):
        listed = ", ".join('"' + name.replace('"', '""') + '"' for name in names)
        relation = table.records.relation()
        query = f"SELECT file_row_number + 1, {listed} FROM {relation} ORDER BY file_row_number"
    elif isinstance(table, DelimitedTable):
        refused = table.text.load(engine, _ROWS, [f"c{place} AS c{place}" for place in range(len(names))])
        _with_usual_ids(engine, f"c{names.index(columns.id)}")
        # The line is known only if every record is one line; `line_of_rows` finds the lines of refused rows.
        query = f"SELECT 0, * EXCLUDE (line) FROM {_ROWS} ORDER BY rowid"
    else:
        raise SourceError(f"{table.shown_path} ({table.shape}) holds interactions, not items or users")
    rows = engine.stream(query)
    return refused, ((line, dict(zip(names, row, strict=True))) for line, *row in rows)
