"""Reads an export of Gorse: `feedback`, `items` and `users`, files with one JSON object a line.

The feedback is read like any JSON lines. Its types are the operator's own words, which --type maps to ours.
Fields: https://gorse.io/docs/concepts/data-source
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from contracts.catalog import HIDDEN, PUBLISHED_AT, CatalogEntry, CatalogKind
from ingest.files.content import content_of
from ingest.files.engine import Engine
from ingest.files.rejected_lines import RejectedLines
from ingest.meaning.encoding import reason_of
from ingest.sources.catalog_file import cell_text
from ingest.sources.metadata import modified_ms

_ENDINGS = (".jsonl", ".json", ".jsonl.gz", ".json.gz")
_IDS: dict[CatalogKind, str] = {"item": "ItemId", "user": "UserId"}


@dataclass(frozen=True)
class GorseMetadata:
    """Gorse's file of items or of users."""

    path: Path
    kind: CatalogKind

    def entries(self, engine: Engine, rejected: RejectedLines) -> Iterator[CatalogEntry]:
        """The file's entries. Their time is the file's modification time, so that a second run changes
        nothing."""
        updated_at = modified_ms(self.path)
        for number, line in enumerate(content_of(self.path, engine.folder).lines(), 1):
            if not line.strip():
                continue
            try:
                yield entry_of(json.loads(line), self.kind, updated_at)
            except ValidationError as error:
                rejected.add(self.path, number, reason_of(error))
            except (ValueError, TypeError, AttributeError):
                rejected.add(
                    self.path, number, f"not a JSON object with {_IDS[self.kind]}, as Gorse writes it"
                )


def entry_of(found: Mapping[str, Any], kind: CatalogKind, updated_at: int) -> CatalogEntry:
    """The catalogue entry of an item or user of Gorse. Labels become attributes, except lists of numbers."""
    labels = found.get("Labels")
    if not isinstance(labels, dict):
        labels = {"labels": labels}
    attributes = {name: cell_text(cell) for name, cell in labels.items() if not _is_embedding(cell)}
    if found.get("IsHidden"):
        attributes[HIDDEN] = "true"
    if kind == "item":
        attributes[PUBLISHED_AT] = cell_text(found.get("Timestamp"))
    return CatalogEntry(
        kind=kind,
        id=found.get(_IDS[kind]),  # type: ignore[arg-type]  # the model refuses what is no id
        title=cell_text(found.get("Comment")) or None,
        categories=tuple(found.get("Categories") or ()),
        attributes={name: text for name, text in attributes.items() if text},
        updated_at=updated_at,
    )


def _is_embedding(cell: Any) -> bool:
    return isinstance(cell, list) and bool(cell) and all(isinstance(each, int | float) for each in cell)


def gorse_export(files: list[Path]) -> tuple[list[Path], tuple[GorseMetadata, ...]] | None:
    """The feedback among the files, and the metadata beside it; None if they are not an export of Gorse."""
    named = {name: [f for f in files if _plain_name(f) == name] for name in ("feedback", "items", "users")}
    if not named["feedback"] or not (named["items"] or named["users"]):
        return None
    kinds: tuple[tuple[str, CatalogKind], ...] = (("items", "item"), ("users", "user"))
    metadata = (GorseMetadata(file, kind) for name, kind in kinds for file in named[name])
    return named["feedback"], tuple(metadata)


def _plain_name(file: Path) -> str:
    name = file.name.lower()
    ending = next((ending for ending in _ENDINGS if name.endswith(ending)), None)
    return name.removesuffix(ending) if ending else ""
