from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from contracts.catalog import CatalogEntry
from contracts.events import Interaction
from ingest.files.engine import Engine
from ingest.files.rejected_lines import RejectedLines
from ingest.meaning.options import reading_options
from ingest.sources.recognise import open_source


class ReadBack:
    """A source read whole: its events as the contract's objects, its metadata, its rejected lines."""

    def __init__(self, path: Path, **options: Any) -> None:
        source = open_source(path, reading_options(**options))
        try:
            self.examination = source.examination
            self.shown: list[str] = []
            rejected = RejectedLines(self.shown.append)
            self.catalog: list[CatalogEntry] = list(source.catalog(rejected))
            self.encoded = list(source.events(rejected))
            self.events = [Interaction.model_validate_json(event.value) for event in self.encoded]
            self.rejected = rejected.count
            self.block = "\n".join(source.notes())
        finally:
            source.close()

    @property
    def rows(self) -> list[tuple[str, str, str, float | None, int]]:
        return [(e.event_type, e.user_id, e.item_id, e.value, e.event_time) for e in self.events]

    @property
    def types(self) -> dict[str, int]:
        return self.examination.by_type


@pytest.fixture
def read_back() -> type[ReadBack]:
    return ReadBack


@pytest.fixture
def engine() -> Iterator[Engine]:
    opened = Engine()
    yield opened
    opened.close()


@pytest.fixture
def write_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes a file below the test's folder and returns its path."""

    def write(name: str, content: str | bytes, encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write
