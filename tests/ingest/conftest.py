from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from contracts.catalog import CatalogEntry
from contracts.events import Interaction
from ingest.files.encoding import RatingScale
from ingest.files.interaction_files import InteractionFile
from ingest.files.rejected_lines import RejectedLines
from ingest.files.source import FileSource


class ReadBack:
    """A source read whole: its events as the contract's objects, its metadata, its rejected lines."""

    def __init__(
        self, source: FileSource, event_type: str | None = None, scale: RatingScale | None = None
    ) -> None:
        self.shown: list[str] = []
        rejected = RejectedLines(self.shown.append)
        self.catalog: list[CatalogEntry] = list(source.catalog(rejected))
        self.encoded = list(source.events(rejected, event_type, scale))
        self.events = [Interaction.model_validate_json(event.value) for event in self.encoded]
        self.rejected = rejected.count
        self.notes = source.notes()

    @property
    def rows(self) -> list[tuple[str, str, str, float | None, int]]:
        return [(e.event_type, e.user_id, e.item_id, e.value, e.event_time) for e in self.events]


@pytest.fixture
def read_back() -> type[ReadBack]:
    return ReadBack


@pytest.fixture
def read_file() -> Callable[[InteractionFile], ReadBack]:
    return lambda file: ReadBack(FileSource((file,)))


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """Writes a file below the test's folder and returns its path."""

    def write(name: str, content: str | bytes, encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write
