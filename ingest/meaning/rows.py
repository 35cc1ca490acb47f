"""Loads all tables of a source into one table of text, in their order."""

from __future__ import annotations

from dataclasses import dataclass, field

import duckdb

from ingest.files.columns import Columns
from ingest.files.delimited_text import Refused, first_line
from ingest.files.engine import Engine
from ingest.files.rejected_lines import SourceError
from ingest.files.tables import LOADED, Table

ROWS = "rows"
_LOADING = "loading"


@dataclass
class LoadedTable:
    """A table of the source, what its columns mean, and which rows of the engine's table belong to it."""

    table: Table
    columns: Columns
    modified_ms: int
    refused: Refused = field(default_factory=Refused)
    first_row: int = 0  # rowid of its first row in the engine
    row_count: int = 0


def load_tables(engine: Engine, tables: list[LoadedTable]) -> None:
    """Fill the engine's table of rows. Raises SourceError."""
    for number, loaded in enumerate(tables):
        try:
            loaded.refused = loaded.table.load(engine, _LOADING, loaded.columns.by_part)
            if number == 0:
                # Most sources are a single file: rename its table instead of copying it.
                engine.run(f"ALTER TABLE {_LOADING} RENAME TO {ROWS}")
                engine.run(f"ALTER TABLE {ROWS} ADD COLUMN file INTEGER DEFAULT 0")
            else:
                columns = ", ".join(("line", *LOADED.values()))
                engine.run(f"INSERT INTO {ROWS} ({columns}, file) SELECT {columns}, {number} FROM {_LOADING}")
        except duckdb.Error as error:
            raise SourceError(f"{loaded.table.shown_path} cannot be read: {first_line(error)}") from error
        total = int(engine.rows(f"SELECT count(*) FROM {ROWS}")[0][0])
        loaded.first_row = sum(before.row_count for before in tables[:number])
        loaded.row_count = total - loaded.first_row
    engine.run(f"DROP TABLE IF EXISTS {_LOADING}")
