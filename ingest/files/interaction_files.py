"""The files that interactions come in: delimited text, JSON lines, Parquet. All give encoded events."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timezone
from pathlib import Path
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from ingest.files.encoding import EncodedEvent, EventEncoder, short, time_ms_of
from ingest.files.rejected_lines import RejectedLines, SourceError
from ingest.files.text_lines import modified_ms, numbered_lines, split

_BATCH_ROWS = 10_000
C = TypeVar("C", int, str)


@dataclass(frozen=True)
class Columns(Generic[C]):
    """Where the parts of an event stand: positions in delimited text, names elsewhere."""

    user: C
    item: C
    value: C | None = None
    time: C | None = None
    type: C | None = None

    @property
    def default_type(self) -> str:
        """The type of an event whose line names none."""
        return "view" if self.value is None else "rating"


class Reading(NamedTuple):
    """What reading a file needs from outside. Ordinals number the events of all files of a source."""

    encoder: EventEncoder
    rejected: RejectedLines
    ordinals: Iterator[int]


class InteractionFile(Protocol):
    """One file of interactions."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def columns(self) -> Columns[Any]:
        """Where the parts of an event stand."""

    def events(self, reading: Reading) -> Iterator[EncodedEvent]:
        """The file's events in its own order; broken lines go to ``reading.rejected``."""


def line_time(path: Path, lines_at_most: int) -> Callable[[int], int]:
    """Times for a file without any: one millisecond a line, ending before the file was last written."""
    end = modified_ms(path)
    start = max(0, end - lines_at_most)
    return lambda line: min(start + line, end)


@dataclass(frozen=True)
class DelimitedFile:
    """Lines of fields between separators, with or without a header."""

    path: Path
    separator: str
    columns: Columns[int]
    width: int
    header: bool
    encoding: str = "utf-8-sig"

    def events(self, reading: Reading) -> Iterator[EncodedEvent]:
        """See InteractionFile."""
        user, item, value, time, kind = self._positions()
        encode, ordinals, width = reading.encoder.encode, reading.ordinals, self.width
        separator, stamp = self.separator, line_time(self.path, self._lines_at_most())
        lines = numbered_lines(self.path, self.encoding)
        if self.header:
            next(lines, None)
        for number, line in lines:
            try:
                fields = split(line, separator)
                if len(fields) != width:
                    raise ValueError(f"{len(fields)} columns instead of {width}")
                fields.append("")  # what an absent column reads
                moment = time_ms_of(fields[time]) if time >= 0 else stamp(number)
                event = encode(
                    next(ordinals), fields[user], fields[item], fields[value], moment, fields[kind]
                )
            except ValueError as error:
                reading.rejected.add(self.path, number, str(error))
            else:
                yield event

    def _positions(self) -> tuple[int, int, int, int, int]:
        c = self.columns
        absent = [-1 if position is None else position for position in (c.value, c.time, c.type)]
        return c.user, c.item, absent[0], absent[1], absent[2]

    def _lines_at_most(self) -> int:
        # A line has at least four bytes; gzip rarely packs interactions more than 20 times.
        size = self.path.stat().st_size
        return size * 5 if self.path.suffix == ".gz" else size // 4


def _text(value: Any) -> str:
    """A field of a typed format as the text a delimited file would hold."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
        return str(round(moment.timestamp() * 1000))
    if isinstance(value, date):
        return str(round(datetime.combine(value, time(), timezone.utc).timestamp() * 1000))
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{short(value)} is neither text nor a number")
    # pandas makes 7.0 of the id 7 where a column has gaps.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _event_of(
    fields: tuple[Any, Any, Any, Any, Any], reading: Reading, stamp: Callable[[], int]
) -> EncodedEvent:
    user, item, value, moment, kind = map(_text, fields)
    time_ms = time_ms_of(moment) if moment else stamp()
    return reading.encoder.encode(next(reading.ordinals), user, item, value, time_ms, kind)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number")


@dataclass(frozen=True)
class JsonLinesFile:
    """One JSON object a line."""

    path: Path
    columns: Columns[str]

    def events(self, reading: Reading) -> Iterator[EncodedEvent]:
        """See InteractionFile."""
        c = self.columns
        names = (c.user, c.item, c.value, c.time, c.type)
        stamp = line_time(self.path, self.path.stat().st_size * 5)
        for number, line in numbered_lines(self.path):
            try:
                row = json.loads(line, parse_constant=_no_constant)
                if not isinstance(row, dict):
                    raise ValueError("not a JSON object")
                fields = tuple(row.get(name) if name else None for name in names)
                yield _event_of(fields, reading, _time_of_line(c, number, stamp))  # type: ignore[arg-type]
            except (ValueError, RecursionError) as error:
                reading.rejected.add(self.path, number, str(error))


def _time_of_line(columns: Columns[str], number: int, stamp: Callable[[int], int]) -> Callable[[], int]:
    def moment() -> int:
        if columns.time is not None:
            raise ValueError(f"no time: {columns.time!r} is missing or empty")
        return stamp(number)

    return moment


@dataclass(frozen=True)
class ParquetFile:
    """A Parquet file, read in batches; lines are its rows counted from 1."""

    path: Path
    columns: Columns[str]

    def events(self, reading: Reading) -> Iterator[EncodedEvent]:
        """See InteractionFile."""
        c = self.columns
        names = (c.user, c.item, c.value, c.time, c.type)
        try:
            file = pq.ParquetFile(self.path)
            stamp, number = line_time(self.path, file.metadata.num_rows), 0
            for batch in file.iter_batches(_BATCH_ROWS, columns=sorted({n for n in names if n})):
                absent = [None] * batch.num_rows
                lists = [batch.column(name).to_pylist() if name else absent for name in names]
                for number, fields in enumerate(zip(*lists, strict=True), number + 1):  # noqa: B020
                    try:
                        yield _event_of(fields, reading, _time_of_line(c, number, stamp))
                    except ValueError as error:
                        reading.rejected.add(self.path, number, str(error))
        except (pa.ArrowException, OSError) as error:
            raise SourceError(f"{self.path} cannot be read as Parquet: {error}") from error
