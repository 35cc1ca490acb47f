"""Reads the files of items and users that come with interactions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError

from contracts.catalog import CatalogEntry, CatalogKind
from ingest.files.content import content_of
from ingest.files.delimited_text import DelimitedText, Dialect
from ingest.files.engine import Engine
from ingest.files.rejected_lines import RejectedLines
from ingest.meaning.encoding import reason_of

Describe = Callable[[list[str]], "Description"]


@dataclass(frozen=True)
class Description:
    """What one line says about an item or user."""

    id: str
    title: str | None = None
    categories: tuple[str, ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()


class Metadata(Protocol):
    """A file of items or users that comes with interactions."""

    def entries(self, engine: Engine, rejected: RejectedLines) -> Iterator[CatalogEntry]:
        """The file's entries. Refused lines are counted in ``rejected``."""


@dataclass(frozen=True)
class MetadataFile:
    """A file of items or users as delimited text."""

    path: Path
    kind: CatalogKind
    separator: str
    width: int
    describe: Describe
    header: bool
    encoding: str | None = None  # None: found from its bytes
    quote: str = '"'

    def entries(self, engine: Engine, rejected: RejectedLines) -> Iterator[CatalogEntry]:
        """The file's entries. Their time is the file's modification time, so that a second run changes
        nothing."""
        updated_at = modified_ms(self.path)
        content = content_of(self.path, engine.folder, self.encoding)
        dialect = Dialect(self.separator, self.width, self.quote, self.quote)
        text = DelimitedText(content, dialect, first=int(self.header))
        refused = text.load(engine, "metadata", [f"coalesce(c{n}, '') AS c{n}" for n in range(self.width)])
        for record in refused.first:
            rejected.add(self.path, record.line, record.reason)
        rows = engine.rows("SELECT * FROM metadata ORDER BY rowid")
        engine.run("DROP TABLE metadata")
        broken: dict[int, str] = {}
        for place, (_, *fields) in enumerate(rows, 1):
            try:
                yield _entry(self.kind, self.describe(fields), updated_at)
            except ValidationError as error:
                broken[place] = reason_of(error)
            except ValueError as error:
                broken[place] = str(error)
        lines = text.line_of_rows(broken, refused.first) if broken else {}
        for place, reason in broken.items():
            rejected.add(self.path, lines.get(place, place), reason)


def modified_ms(path: Path) -> int:
    """The file's modification time in epoch milliseconds."""
    return path.stat().st_mtime_ns // 1_000_000


def _entry(kind: CatalogKind, found: Description, updated_at: int) -> CatalogEntry:
    return CatalogEntry(
        kind=kind,
        id=found.id,
        title=found.title or None,
        categories=tuple(c for c in found.categories if c),
        attributes={name: value for name, value in found.attributes if value},
        updated_at=updated_at,
    )
