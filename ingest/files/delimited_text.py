"""Reads delimited text with DuckDB: fields may span lines, and a refused record has its line and a reason."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice, takewhile

import duckdb

from ingest.files.content import Content, recode
from ingest.files.engine import Engine, sql_literal
from ingest.files.plain_copies import has_two_line_ends, with_one_line_end
from ingest.files.rejected_lines import SourceError

_NEVER = "\x01\x02\x03\x04"  # a separator that occurs in no text, to read whole lines
_SEPARATORS = ",\t;|"
_RARE_SEPARATORS = "\x01^~"  # tried if the first line holds none of the usual ones
_MAX_LINE_BYTES = 16_000_000
_SAMPLE_RECORDS = 200
_MOST_TITLES, _MOST_ALIKE = 10, 0.9
_KEPT = 1_000  # refused records that are kept to be shown
_QUOTE = '"'
_ABOVE = re.compile(r"#|%|sep=.$", re.IGNORECASE)
_MATRIX_MARKET = "%%MatrixMarket"  # the line after its comments counts rows, columns and entries
# DuckDB's name of an error in a record -> what messages say.
_REASONS = {
    "UNQUOTED VALUE": "broken quotes: one is not closed, or there is text beside it",
    "LINE SIZE OVER MAXIMUM": f"the record is longer than {_MAX_LINE_BYTES:,} bytes",
    "INVALID ENCODING": "not UTF-8 text",
}


@dataclass(frozen=True)
class Dialect:
    """How a text's lines are divided into fields."""

    separator: str
    width: int
    quote: str = _QUOTE
    escape: str = _QUOTE
    skip: int = 0  # lines before the first record
    quotes_span_lines: bool = True

    def split(self, line: str) -> list[str]:
        """Split one line into its fields. Raises ValueError for broken quotes."""
        if len(self.separator) > 1 or self.quote not in line or not self.quote:
            return line.split(self.separator)
        try:
            escape = None if self.escape == self.quote else self.escape
            reader = csv.reader(
                [line], delimiter=self.separator, quotechar=self.quote, escapechar=escape, strict=True
            )
            return next(reader)
        except csv.Error as error:
            raise ValueError(f"broken quotes ({error})") from None

    def sample(self, lines: list[str]) -> list[list[str]]:
        """The first records of these lines; a field may span several lines."""
        if len(self.separator) > 1 or not self.quote:
            return [line.split(self.separator) for line in lines[:_SAMPLE_RECORDS]]
        escape = None if self.escape == self.quote else self.escape
        reader = csv.reader(
            (f"{line}\n" for line in lines),
            delimiter=self.separator,
            quotechar=self.quote,
            escapechar=escape,
            skipinitialspace=False,
        )
        records: list[list[str]] = []
        with suppress(csv.Error):  # the records before a broken one are enough
            records += islice((record for record in reader if record), _SAMPLE_RECORDS)
        return records


def sniff(engine: Engine, content: Content) -> Dialect:
    """Find a text's dialect: with DuckDB's sniffer or, if that fails, from the first line."""
    lines, skip = sample_lines(content)
    if lines[0].count("::") >= 1 and all(line.count("::") == lines[0].count("::") for line in lines[:20]):
        return Dialect("::", lines[0].count("::") + 1, quote="", escape="", skip=skip)
    separator, quote, escape = _sniff(engine, content) or ("", _QUOTE, _QUOTE)
    if separator not in lines[0] or not separator or separator not in _SEPARATORS:
        most = max(_SEPARATORS, key=lines[0].count)
        if most not in lines[0]:
            most = max(_RARE_SEPARATORS, key=lines[0].count)
        separator = most if most in lines[0] or " " not in lines[0].strip() else " "
    dialect = Dialect(separator, 0, quote or _QUOTE, escape or quote or _QUOTE, skip)
    return replace(dialect, width=_width(dialect, lines))


def dialect_of(separator: str, content: Content) -> Dialect:
    """The dialect of a text with this separator. Raises SourceError if no line contains it."""
    lines, skip = sample_lines(content)
    if not any(separator in line for line in lines[:_SAMPLE_RECORDS]):
        raise SourceError(f"{content.named}: the separator {separator!r} is in none of its first lines")
    quote = _QUOTE if len(separator) == 1 else ""
    dialect = Dialect(separator, 0, quote, quote, skip)
    return replace(dialect, width=_width(dialect, lines))


def sample_lines(content: Content) -> tuple[list[str], int]:
    """The first lines of data, and how many lines to skip before them: comments, blanks, Excel's
    ``sep=;``."""
    lines = content.sample_lines
    start = next((n for n, line in enumerate(lines) if line.strip()), 0)
    skip = next((n for n, line in enumerate(lines) if n >= start and not _ABOVE.match(line)), start)
    skip += lines[start].startswith(_MATRIX_MARKET)
    skip += titles_above(lines[skip:])
    return [line for line in lines[skip:] if line.strip()] or [""], skip


def titles_above(lines: list[str]) -> int:
    """How many lines stand above a table as its title: at most ten, without a separator, before a first line
    that has as many separators as nearly all others.

    A number with a colon above its ratings (the Netflix prize) is no title.
    """
    at = next((n for n, line in enumerate(lines) if any(mark in line.strip() for mark in _SEPARATORS)), 0)
    above = [line for line in lines[:at] if line.strip()]
    if not above or len(above) > _MOST_TITLES or any(line.rstrip().endswith(":") for line in above):
        return 0
    table = [line for line in lines[at:] if line.strip()][:_SAMPLE_RECORDS]
    separator = max(_SEPARATORS, key=table[0].count)
    alike = sum(line.count(separator) >= table[0].count(separator) for line in table)
    return at if len(table) > 1 and alike >= _MOST_ALIKE * len(table) else 0


def _sniff(engine: Engine, content: Content) -> tuple[str, str, str] | None:
    sniffed = (
        "SELECT Delimiter, Quote, Escape FROM sniff_csv(?, compression = ?, ignore_errors = true, "
        "strict_mode = false, max_line_size = 16000000)"
    )
    try:
        row = engine.rows(sniffed, [str(content.path), content.compression])[0]
    except duckdb.Error:
        return None
    separator, quote, escape = ("" if mark == "(empty)" else mark for mark in row)
    return separator, quote, escape


def _width(dialect: Dialect, lines: list[str]) -> int:
    """The number of fields that most records of the sample have."""
    widths = [len(record) for record in dialect.sample(lines)]
    return max(set(widths), key=lambda width: (widths.count(width), width)) if widths else 1


@dataclass(frozen=True)
class RefusedRecord:
    """A record that cannot be split into fields: its line, the reason, and its text."""

    line: int
    reason: str
    text: str


@dataclass(frozen=True)
class Refused:
    """The records that cannot be split into fields: their number, and the first ones."""

    count: int = 0
    first: tuple[RefusedRecord, ...] = ()
    kinds: frozenset[str] = frozenset()  # DuckDB's names of their errors


@dataclass
class DelimitedText:
    """A text with a known dialect. ``first`` is 1 if the first record is a header, else 0."""

    content: Content
    dialect: Dialect
    first: int = 0

    def load(self, engine: Engine, table: str, picked: Iterable[str]) -> Refused:
        """Fill ``table`` with the line and the picked expressions over fields c0, c1, ...; return the refused
        records.

        The line is NULL unless every line is one record; `line_of_rows` finds it later. Text that turns out
        not to be UTF-8 is recoded first. A quote that is never closed would swallow the records after it, so
        the text is also read with quotes that end with their line, and the reading with more records is kept.

        Raises SourceError if the text cannot be read.
        """
        chosen = ", ".join(picked)
        try:
            refused = self._load_records(engine, table, chosen)
        except duckdb.Error as error:
            if not has_two_line_ends(self.content):
                raise SourceError(f"{self.content.named} cannot be read: {first_line(error)}") from error
            self.content = with_one_line_end(self.content, engine.folder)
            return self.load(engine, table, picked)
        if "INVALID ENCODING" in refused.kinds:
            self.content = recode(self.content, engine.folder)
            return self.load(engine, table, picked)
        if "UNQUOTED VALUE" in refused.kinds:
            within = replace(self.dialect, quotes_span_lines=False)
            other = DelimitedText(self.content, within, self.first)
            by_line = other._load_lines(engine, f"{table}_by_line", chosen)
            if _count(engine, f"{table}_by_line") > _count(engine, table):
                engine.run(f"DROP TABLE {table}; ALTER TABLE {table}_by_line RENAME TO {table}")
                self.dialect = within
                return by_line
            engine.run(f"DROP TABLE {table}_by_line")
        return self._with_lines(refused)

    def _load_records(self, engine: Engine, table: str, chosen: str) -> Refused:
        d = self.dialect
        columns = ", ".join(f"'c{n}': 'VARCHAR'" for n in range(d.width))
        engine.run(f"DROP TABLE IF EXISTS {table}_faults; DROP TABLE IF EXISTS {table}_scans")
        engine.run(
            f"CREATE OR REPLACE TABLE {table} AS SELECT NULL::BIGINT AS line, {chosen} "
            f"FROM read_csv({sql_literal(str(self.content.path))}, "
            f"auto_detect = false, columns = {{{columns}}}, delim = {sql_literal(d.separator)}, "
            f"quote = {sql_literal(d.quote)}, escape = {sql_literal(d.escape)}, header = false, "
            f"skip = {d.skip + self.first}, compression = {sql_literal(self.content.compression)}, "
            f"max_line_size = {_MAX_LINE_BYTES}, store_rejects = true, rejects_limit = 0, "
            f"rejects_table = '{table}_faults', rejects_scan = '{table}_scans')"
        )
        worst = "arg_min(error_type, error_type = 'MISSING COLUMNS')"
        faults = engine.rows(
            f"SELECT line, {worst}, any_value(csv_line), count(*) OVER () FROM {table}_faults "
            f"GROUP BY line ORDER BY line LIMIT {_KEPT}"
        )
        kinds = {kind for (kind,) in engine.rows(f"SELECT DISTINCT error_type::VARCHAR FROM {table}_faults")}
        engine.run(f"DROP TABLE {table}_faults; DROP TABLE {table}_scans")
        first = tuple(
            RefusedRecord(line, _REASONS.get(kind) or self._width_reason(kind, text), text.strip("\r\n"))
            for line, kind, text, _ in faults
        )
        return Refused(faults[0][3] if faults else 0, first, frozenset(kinds))

    def _width_reason(self, kind: str, text: str) -> str:
        try:
            found = len(self.dialect.split(text.strip("\r\n").replace("\n", " ")))
        except ValueError:
            return f"{kind.lower()}: {self.dialect.width} are wanted"
        return f"{found} columns instead of {self.dialect.width}"

    def _load_lines(self, engine: Engine, table: str, chosen: str) -> Refused:
        """Load each physical line as a record."""
        d = self.dialect

        def fields(line: str) -> list[str] | None:
            try:
                return d.split(line)
            except ValueError:
                # With any other separator, a quote is usually an ordinary character.
                return None if d.separator in ",;" else line.split(d.separator)

        split_text = engine.add_function("fields", fields, "VARCHAR[]")
        split = f"string_split(text, {sql_literal(d.separator)})"
        if d.quote and len(d.separator) == 1:
            split = (
                f"CASE WHEN contains(text, {sql_literal(d.quote)}) THEN {split_text}(text) ELSE {split} END"
            )
        lines = lines_sql(self.content)
        engine.run(
            f"CREATE OR REPLACE TEMP TABLE {table}_lines AS SELECT line, text, {split} AS f FROM ({lines}) "
            f"WHERE line > {d.skip + self.first} AND text <> ''"
        )
        columns = ", ".join(f"f[{n + 1}] AS c{n}" for n in range(d.width))
        fits = f"f IS NOT NULL AND len(f) = {d.width}"
        engine.run(
            f"CREATE OR REPLACE TABLE {table} AS SELECT line, {chosen} FROM "
            f"(SELECT line, {columns} FROM {table}_lines WHERE {fits} ORDER BY line)"
        )
        refused = engine.rows(
            f"SELECT line, text, len(f), count(*) OVER () FROM {table}_lines "
            f"WHERE NOT coalesce({fits}, false) ORDER BY line LIMIT {_KEPT}"
        )
        engine.run(f"DROP TABLE {table}_lines")
        first = tuple(
            RefusedRecord(
                line, "broken quotes" if found is None else f"{found} columns instead of {d.width}", text
            )
            for line, text, found, _ in refused
        )
        return Refused(refused[0][3] if refused else 0, first)

    def _with_lines(self, refused: Refused) -> Refused:
        """Replace DuckDB's record numbers by line numbers."""
        if not refused.first or not self.dialect.quote:
            return refused
        wanted, last = {record.line for record in refused.first}, refused.first[-1].line
        records = takewhile(lambda record: record[0] <= last, self.records())
        lines = {number: line for number, line, _ in records if number in wanted}
        first = tuple(replace(record, line=lines.get(record.line, record.line)) for record in refused.first)
        return replace(refused, first=first)

    def records(self) -> Iterator[tuple[int, int, bool]]:
        """For each record: its number as DuckDB counts, its first physical line, and whether it is blank."""
        quote = self.dialect.quote.encode() if self.dialect.quotes_span_lines else b""
        number, started, is_open = 0, 0, False
        for line, text in enumerate(self.content.lines(), 1):
            if not is_open:
                number, started = number + 1, line
            if quote and text.count(quote) % 2:
                is_open = not is_open
            if not is_open:
                yield number, started, not text.strip(b"\r\n")

    def line_of_rows(self, rows: Iterable[int], refused: Iterable[RefusedRecord]) -> dict[int, int]:
        """The physical line of each of these rows; rows are counted from 1 among the accepted ones."""
        wanted, taken = set(rows), {record.line for record in refused}
        found: dict[int, int] = {}
        row = 0
        for _, line, blank in self.records():
            if blank or line <= self.dialect.skip + self.first or line in taken:
                continue
            row += 1
            if row in wanted:
                found[row] = line
                if len(found) == len(wanted):
                    break
        return found


def lines_sql(content: Content) -> str:
    """SQL: a query for the physical lines of a text in their order, with columns (line, text)."""
    return (
        f"SELECT row_number() OVER () AS line, coalesce(text, '') AS text FROM read_csv("
        f"{sql_literal(str(content.path))}, auto_detect = false, columns = {{'text': 'VARCHAR'}}, "
        f"delim = {sql_literal(_NEVER)}, quote = '', escape = '', header = false, "
        f"compression = {sql_literal(content.compression)}, max_line_size = {_MAX_LINE_BYTES})"
    )


def _count(engine: Engine, table: str) -> int:
    return int(engine.rows(f"SELECT count(*) FROM {table}")[0][0])


def first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:3])[:300]
