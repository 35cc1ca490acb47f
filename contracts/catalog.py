"""Metadata of items and users, as they travel on the compacted ``catalog`` topic."""

from __future__ import annotations

import time
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from contracts.events import EpochMillis, Identifier

CatalogKind = Literal["item", "user"]


class CatalogEntry(BaseModel):
    """What is known about one item or user; the entry with the newest ``updated_at`` wins."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    kind: CatalogKind
    id: Identifier
    title: Annotated[str, Field(max_length=1024)] | None = None
    categories: tuple[Annotated[str, Field(max_length=128)], ...] = Field(default=(), max_length=64)
    attributes: dict[str, str] = Field(default_factory=dict, max_length=64)
    updated_at: EpochMillis = Field(default_factory=lambda: time.time_ns() // 1_000_000)

    @property
    def key(self) -> bytes:
        """The record's key: compaction keeps the last entry of each."""
        return f"{self.kind}:{self.id}".encode()

    def to_json(self) -> bytes:
        """The record's bytes on the ``catalog`` topic."""
        return self.model_dump_json(exclude_none=True).encode()
