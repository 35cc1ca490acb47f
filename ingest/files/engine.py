"""DuckDB reads the files: one database in a scratch folder, with a memory limit.

Nothing is fetched over the network: what the readers need (CSV, JSON, Parquet, gzip, zstd) is built in.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb

MEMORY_MB = 512
_THREADS = 2
_ROWS_AT_ONCE = 10_000


class Engine:
    """A DuckDB database and its folder. `close` removes both."""

    def __init__(self, memory_mb: int = MEMORY_MB) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="headwater-ingest-"))
        self._remove = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self._functions = 0
        self.connection = duckdb.connect(
            ":memory:",  # tables beyond the limit go to the temporary directory
            config={
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "memory_limit": f"{memory_mb}MB",
                "temp_directory": str(self.folder / "spilled"),
                "threads": str(_THREADS),
            },
        )
        self.connection.execute("SET enable_progress_bar = false")

    def rows(self, sql: str, values: list[Any] | None = None) -> list[tuple[Any, ...]]:
        """Run a query with a small result and return all of its rows."""
        return list(self.connection.execute(sql, values or []).fetchall())

    def stream(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """Run a query with a large result and yield its rows, which are fetched in blocks."""
        found = self.connection.cursor().execute(sql)
        while rows := found.fetchmany(_ROWS_AT_ONCE):
            yield from rows

    def record(self, sql: str) -> dict[str, Any]:
        """The only row of a query, as column -> value, with 0 for NULL."""
        (record,) = self.records(sql)
        return record

    def records(self, sql: str) -> list[dict[str, Any]]:
        """The rows of a small query, each as column -> value, with 0 for NULL."""
        result = self.connection.execute(sql)
        names = [column[0] for column in result.description or ()]
        return [
            {name: 0 if cell is None else cell for name, cell in zip(names, row, strict=True)}
            for row in result.fetchall()
        ]

    def run(self, sql: str, values: list[Any] | None = None) -> None:
        """Run a statement that returns nothing."""
        self.connection.execute(sql, values or [])

    def add_function(self, name: str, function: Callable[..., Any], result: str) -> str:
        """Register a Python function of one text for SQL, and return its name in this database."""
        self._functions += 1
        known = f"{name}_{self._functions}"
        special: Any = "special"  # the function is called for NULL too, and may return NULL
        self.connection.create_function(known, function, ["VARCHAR"], result, null_handling=special)
        return known

    def close(self) -> None:
        """End the database and remove its folder."""
        self.connection.close()
        self._remove()


def sql_literal(text: str) -> str:
    """Quote a text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"
