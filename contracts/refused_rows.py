"""The rows of files that the last ingest refused, for `headwater rejects`: one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple


class RefusedRow(NamedTuple):
    """A row of a file that could not become an event."""

    file: str
    line: int
    reason: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"

    def encode(self) -> str:
        """One JSON object."""
        return json.dumps(self._asdict(), ensure_ascii=False)


def write_refused_rows(path: Path, rows: Iterable[RefusedRow]) -> None:
    """Replace the file; without rows it is empty. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        file.writelines(row.encode() + "\n" for row in rows)


def read_refused_rows(path: Path) -> Iterator[RefusedRow]:
    """The rows of the file, none where there is no file; lines of another form are skipped."""
    if not path.is_file():
        return
    with path.open(encoding="utf-8") as file:
        for line in file:
            try:
                found = json.loads(line)
                yield RefusedRow(found["file"], found["line"], found["reason"], found["text"])
            except (ValueError, KeyError, TypeError):
                continue
