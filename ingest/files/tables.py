"""Every readable format as a table: named columns, and rows as text for the five parts of an event."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Protocol

from contracts.identifiers import BLANKS
from ingest.files.columns import PARTS, names_a_part, names_an_item
from ingest.files.content import Content
from ingest.files.delimited_text import DelimitedText, Dialect, Refused, dialect_of, sample_lines, sniff
from ingest.files.derived_tables import jester, mind, netflix
from ingest.files.engine import Engine, sql_literal
from ingest.files.json_records import JsonRecords, looks_like_json, pointer, split_pointer, token_text
from ingest.files.known_layouts import is_jester, is_mind, is_netflix, known_names
from ingest.files.parquet_records import ParquetRecords, column_json, column_text
from ingest.files.plain_copies import arrays_as_csv, has_wide_blanks, holds_arrays, with_single_blanks
from ingest.files.rejected_lines import NoTableError

IDS = ("user", "item")
# part -> its column in loaded rows; a column cannot be called `user`, which is a function of SQL.
LOADED = {part: f"{part}_id" if part in IDS else part for part in PARTS}
Picked = Mapping[str, str | None]  # part -> column
_MARKS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars", " ": "blanks", "::": "double colons"}


class Table(Protocol):
    """One file of rows."""

    @property
    def shown_path(self) -> Path:
        """The file, as messages name it."""

    @property
    def shape(self) -> str:
        """For people."""

    @property
    def names(self) -> list[str]:
        """The columns."""

    @property
    def inner_places(self) -> dict[str, list[str]]:
        """The columns that hold objects, each with the JSON pointers of its fields."""

    @property
    def untyped_ids(self) -> bool:
        """Whether an id "7.0" may be the number 7, written as a float."""

    @property
    def scale(self) -> tuple[float, float] | None:
        """The lowest and highest rating, if the format defines them."""

    @property
    def encoding(self) -> str:
        """In which encoding the file is."""

    def load(self, engine: Engine, table: str, picked: Picked) -> Refused:
        """Fill ``table`` with text columns (line, user_id, item_id, value, ...), as LOADED names
        them. Raises SourceError."""

    def line_of_rows(self, rows: list[int], refused: Refused) -> dict[int, int]:
        """The line of each of these rows, which are counted from 1 among the loaded ones."""


@dataclass
class DelimitedTable:
    """Delimited text with or without a header."""

    text: DelimitedText
    names: list[str]
    shape: str
    untyped_ids: bool = True
    inner_places: dict[str, list[str]] = field(default_factory=dict)
    scale: tuple[float, float] | None = None

    @property
    def shown_path(self) -> Path:
        """The file."""
        return self.text.content.named

    @property
    def encoding(self) -> str:
        """The encoding; certain only after the table is loaded."""
        return self.text.content.encoding

    def load(self, engine: Engine, table: str, picked: Picked) -> Refused:
        """See Table."""
        expressions = [_trim(_position(self, picked.get(part)), part) for part in PARTS]
        return self.text.load(engine, table, expressions)

    def line_of_rows(self, rows: list[int], refused: Refused) -> dict[int, int]:
        """See Table."""
        return self.text.line_of_rows(rows, refused.first)


def _position(table: DelimitedTable, name: str | None) -> str | None:
    return None if name is None else f"c{table.names.index(name)}"


def _trim(expression: str | None, part: str) -> str:
    if expression is None:
        return f"NULL::VARCHAR AS {LOADED[part]}"
    return f"trim({expression}, {sql_literal(BLANKS)}) AS {LOADED[part]}"


@dataclass
class JsonTable:
    """Objects of JSON."""

    records: JsonRecords
    names: list[str]
    refused: Refused
    objects: str  # the engine's table that holds them
    inner_places: dict[str, list[str]] = field(default_factory=dict)
    untyped_ids: bool = False
    scale: tuple[float, float] | None = None

    @property
    def shown_path(self) -> Path:
        """The file."""
        return self.records.content.named

    @property
    def shape(self) -> str:
        """For people."""
        return self.records.shape

    @property
    def encoding(self) -> str:
        """In which encoding the file is."""
        return self.records.content.encoding

    def load(self, engine: Engine, table: str, picked: Picked) -> Refused:
        """See Table."""
        names = [name for part in PARTS if (name := picked.get(part)) is not None]
        pointers = ", ".join(sql_literal(pointer(name)) for name in names)
        expressions = []
        for part in PARTS:
            name = picked.get(part)
            token = f"f[{names.index(name) + 1}]" if name is not None else None
            expressions.append(_trim(token and token_text(token, part in IDS), part))
        engine.run(
            f"CREATE OR REPLACE TABLE {table} AS SELECT line, {', '.join(expressions)} FROM "
            f"(SELECT line, json_extract(json, [{pointers}]) AS f FROM {self.objects})"
        )
        engine.run(f"DROP TABLE {self.objects}")
        return self.refused

    def line_of_rows(self, rows: list[int], refused: Refused) -> dict[int, int]:
        """Every row knows its line."""
        return {}


@dataclass
class ParquetTable:
    """A Parquet file. The line of a row is the number of the row, counted from 1."""

    records: ParquetRecords
    types: dict[str, str]
    shape: str = "Parquet"
    encoding: str = "columns with types"
    inner_places: dict[str, list[str]] = field(default_factory=dict)
    untyped_ids: bool = False
    scale: tuple[float, float] | None = None

    @property
    def shown_path(self) -> Path:
        """The file."""
        return self.records.path

    @property
    def names(self) -> list[str]:
        """The columns."""
        return [name for name in self.types if name != "file_row_number"]

    def _text(self, name: str, is_id: bool, is_list: bool) -> str:
        if name.startswith("/") and name not in self.types:
            column, place = split_pointer(name)
            return token_text(f"json_extract({column_json(column)}, {sql_literal(place)})", is_id)
        kind = self.types[name].removesuffix("[]") if is_list else self.types[name]
        return column_text(name, kind, is_id)

    def load(self, engine: Engine, table: str, picked: Picked) -> Refused:
        """See Table."""
        columns = {
            name if name in self.types else split_pointer(name)[0]
            for part in PARTS
            if (name := picked.get(part)) is not None
        }
        lists = [name for name in self.types if name in columns and self.types[name].endswith("[]")]
        expressions = []
        for part in PARTS:
            name = picked.get(part)
            text = None if name is None else self._text(name, part in IDS, name in lists)
            expressions.append(_trim(text, part))
        engine.run(
            f"CREATE OR REPLACE TABLE {table} AS "
            f"SELECT file_row_number + 1 AS line, {', '.join(expressions)} "
            f"FROM {self.records.relation(lists)}"
        )
        return Refused()

    def line_of_rows(self, rows: list[int], refused: Refused) -> dict[int, int]:
        """Every row knows its line."""
        return {}


def table_of(
    content: Content, engine: Engine, has_numbered_columns: bool = False, separator: str | None = None
) -> Table:
    """Find a file's format from its content and return its table. Raises SourceError if it holds no table.

    ``has_numbered_columns``: a person named the columns by number, so the first line is not a header.
    ``separator``: a person said that the file is text with this between its fields.
    """
    if content.is_parquet:
        records = ParquetRecords(content.path)
        types = records.types(engine)
        return ParquetTable(records, types, inner_places=records.inner_places(engine, types))
    if separator is not None:
        return _delimited_table(content, engine, has_numbered_columns, separator)
    if holds_arrays(content.text):
        return _delimited_table(arrays_as_csv(content, engine.folder), engine, has_numbered_columns, ",")
    if looks_like_json(content.text):
        found = JsonRecords.of(content, engine.folder)
        objects = f"objects_{abs(hash(str(content.named)))}"
        refused = found.open(engine, objects)
        names = found.names(engine, objects)
        if not names:
            raise NoTableError(f"{content.named}: no line is a JSON object")
        if wrapped := found.only_list(engine, objects, names):
            found.spread(engine, objects, wrapped)
            names = found.names(engine, objects)
        if not names_an_item(names) and (listed := found.list_of_items(engine, objects, names)):
            found.spread(engine, objects, listed)
            names = found.names(engine, objects)
        return JsonTable(
            found, names, refused, objects, found.inner_places(content.named, engine, objects, names)
        )
    lines = [line for line in content.sample_lines[:500] if line.strip()]
    if is_netflix(lines):
        return netflix(content)
    return _delimited_table(content, engine, has_numbered_columns)


def _delimited_table(
    content: Content, engine: Engine, has_numbered_columns: bool, separator: str | None = None
) -> Table:
    dialect = sniff(engine, content) if separator is None else dialect_of(separator, content)
    if dialect.separator == " " and separator is None and has_wide_blanks(content.sample_lines):
        content = with_single_blanks(content, engine.folder)
        dialect = sniff(engine, content)
    records = _sample(content, dialect)
    whole = [record for record in records if len(record) == dialect.width]
    if separator is None and is_jester(whole):
        return jester(content, dialect)
    if separator is None and is_mind(whole):
        return mind(content)
    first = records[0] if records else []
    has_header = not has_numbered_columns and _is_header(first, whole[1:])
    if has_header:
        names, note = _header_names(content.named, first, dialect.width, whole[1:]), "with a header"
    else:
        known = None if has_numbered_columns else known_names(whole)
        names = known or [str(n + 1) for n in range(dialect.width)]
        note = f"without a header, taken as {', '.join(names)}" if known else "without a header"
    mark = _MARKS.get(dialect.separator, repr(dialect.separator))
    text = DelimitedText(content, dialect, first=int(has_header))
    return DelimitedTable(text, names, f"text with {mark} between fields, {note}")


def _sample(content: Content, dialect: Dialect) -> list[list[str]]:
    lines, _ = sample_lines(content)
    return [[cell.strip(BLANKS) for cell in record] for record in dialect.sample(lines)]


_NUMERIC = re.compile(r"[-+]?\d+([.,]\d+)?", re.ASCII)


def _is_header(first: list[str], others: list[list[str]]) -> bool:
    """Whether the first record is a header: it holds usual names, or text above columns of numbers."""
    if not first or any(_NUMERIC.fullmatch(cell) for cell in first):
        return False
    if any(names_a_part(cell) for cell in first) and len(set(first)) == len(first):
        return True
    columns = list(zip(*others, strict=False))
    return any(
        cells and all(_NUMERIC.fullmatch(cell) for cell in cells if cell) and any(cells) for cells in columns
    )


def _header_names(file: Path, first: list[str], width: int, records: list[list[str]]) -> list[str]:
    """A unique name for each field, from the header.

    A header may be one name short: R writes none above its row names, and lines that end with a separator
    have an empty last field. Raises NoTableError if more names are missing.
    """
    names = list(first)
    while len(names) < width and not any(record[-1] for record in records if len(record) > len(names)):
        names.append(str(len(names) + 1))
    if len(names) == width - 1 and _are_row_names([record[0] for record in records]):
        names.insert(0, "row")
    if len(names) < width:
        raise NoTableError(
            f"{file}: its lines have {width} fields, and its header names {len(first)}: where numbers have "
            "decimal commas, put them in quotes, or save the file with semicolons between fields"
        )
    seen: dict[str, int] = {}
    unique = []
    for number, name in enumerate(names[:width], 1):
        shown = name or f"column {number}"
        seen[shown] = seen.get(shown, 0) + 1
        unique.append(shown if seen[shown] == 1 else f"{shown} ({seen[shown]})")
    return unique


def _are_row_names(cells: list[str]) -> bool:
    """Whether the cells of the first column are row numbers or row names."""
    if all(cell.isdecimal() for cell in cells):
        numbers = [int(cell) for cell in cells]
        return all(after > before for before, after in pairwise(numbers))
    return len(set(cells)) == len(cells)
