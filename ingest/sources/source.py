"""A source made of files: interactions that belong together, and their metadata."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from contracts.catalog import CatalogEntry
from ingest.files.engine import Engine
from ingest.files.rejected_lines import RejectedLines
from ingest.meaning.conversion import events_in_time_order, type_rows
from ingest.meaning.decisions import decide
from ingest.meaning.encoding import EncodedEvent
from ingest.meaning.examination import Examination, examine
from ingest.meaning.options import ReadingOptions
from ingest.meaning.rows import LoadedTable, load_tables
from ingest.sources.metadata import Metadata


@dataclass
class FileSource:
    """An opened source: all of its rows are in the engine, typed and counted."""

    engine: Engine
    examination: Examination
    metadata: Sequence[Metadata] = ()

    @classmethod
    def read(
        cls,
        engine: Engine,
        tables: Sequence[LoadedTable],
        options: ReadingOptions,
        metadata: Sequence[Metadata] = (),
        notes: Sequence[str] = (),
    ) -> FileSource:
        """Read all tables into the engine. Raises SourceError where one cannot be read."""
        listed = list(tables)
        load_tables(engine, listed)
        decisions = decide(engine, listed, options)
        type_rows(engine, listed, decisions, options)
        return cls(engine, examine(engine, listed, decisions, options, notes), metadata)

    def notes(self) -> list[str]:
        """What a person should know before the events are sent: the lines of the examination."""
        return self.examination.lines()

    def catalog(self, rejected: RejectedLines) -> Iterator[CatalogEntry]:
        """All metadata."""
        for file in self.metadata:
            yield from file.entries(self.engine, rejected)

    def events(self, rejected: RejectedLines) -> Iterator[EncodedEvent]:
        """All events in time order; events with the same time keep the source's order."""
        rejected.add_all(self.examination.refused, map(str, self.examination.rows))
        options = self.examination.options
        yield from events_in_time_order(self.engine, options.time_from_zero)

    def close(self) -> None:
        """Remove the scratch folder."""
        self.engine.close()
