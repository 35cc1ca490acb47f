"""What a source is: files of interactions in time order after sorting, and the metadata beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from pydantic import ValidationError

from contracts.catalog import CatalogEntry, CatalogKind
from ingest.files.encoding import EncodedEvent, EventEncoder, RatingScale, reason_of
from ingest.files.interaction_files import InteractionFile, Reading
from ingest.files.rejected_lines import RejectedLines
from ingest.files.text_lines import modified_ms, numbered_lines, split

Describe = Callable[[list[str]], "Description"]


@dataclass(frozen=True)
class Description:
    """One line of metadata."""

    id: str
    title: str | None = None
    categories: tuple[str, ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class MetadataFile:
    """One file of items or users in delimited text."""

    path: Path
    kind: CatalogKind
    separator: str
    width: int
    describe: Describe
    header: bool
    encoding: str = "utf-8-sig"

    def entries(self, rejected: RejectedLines) -> Iterator[CatalogEntry]:
        """The file's entries; their time is the file's own, so that a second run changes nothing."""
        updated_at = modified_ms(self.path)
        lines = numbered_lines(self.path, self.encoding)
        if self.header:
            next(lines, None)
        for number, line in lines:
            try:
                fields = split(line, self.separator)
                if len(fields) != self.width:
                    raise ValueError(f"{len(fields)} columns instead of {self.width}")
                yield _entry(self.kind, self.describe(fields), updated_at)
            except ValidationError as error:
                rejected.add(self.path, number, reason_of(error))
            except ValueError as error:
                rejected.add(self.path, number, str(error))


def _entry(kind: CatalogKind, found: Description, updated_at: int) -> CatalogEntry:
    return CatalogEntry(
        kind=kind,
        id=found.id,
        title=found.title or None,
        categories=tuple(c for c in found.categories if c),
        attributes={name: value for name, value in found.attributes if value},
        updated_at=updated_at,
    )


@dataclass(frozen=True)
class FileSource:
    """Files of interactions and of metadata that belong together."""

    interactions: tuple[InteractionFile, ...]
    metadata: tuple[MetadataFile, ...] = ()

    def notes(self) -> list[str]:
        """What a person should know before the events go out."""
        return [
            f"{file.path} has no time column: its events get times in line order, "
            "one millisecond apart, ending when the file was last written"
            for file in self.interactions
            if file.columns.time is None
        ]

    def catalog(self, rejected: RejectedLines) -> Iterator[CatalogEntry]:
        """All metadata."""
        for file in self.metadata:
            yield from file.entries(rejected)

    def events(
        self, rejected: RejectedLines, event_type: str | None = None, scale: RatingScale | None = None
    ) -> Iterator[EncodedEvent]:
        """All events, in the order of the files and their lines."""
        ordinals = count()
        for file in self.interactions:
            encoder = EventEncoder(event_type or file.columns.default_type, scale)
            yield from file.events(Reading(encoder, rejected, ordinals))
