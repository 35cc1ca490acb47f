"""Metadata of items and users, as they travel on the compacted ``catalog`` topic."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from contracts.events import EpochMillis, Identifier

# An erasure says: forget the user `id`, and what happened until `updated_at`. It stays on the topic for good.
CatalogKind = Literal["item", "user", "erasure"]
CATALOG_KINDS: tuple[CatalogKind, ...] = get_args(CatalogKind)
ERASURE: CatalogKind = "erasure"
# Attributes of items with a meaning of their own; all others are the operator's.
HIDDEN = "hidden"  # "true": never recommended
EXPIRES_AT, PUBLISHED_AT = "expires_at", "published_at"  # ISO 8601, or epoch milliseconds


class CatalogEntry(BaseModel):
    """What is known about one item or user; the entry with the newest ``updated_at`` wins.

    Of kind "erasure" it is a tombstone (docs/decisions/0008-erasure.md): the user's events with an event time
    up to ``updated_at`` count nowhere, in whichever order they come.
    """

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


def moment_of(text: str | None) -> int | None:
    """A date (ISO 8601, UTC without a zone, or epoch ms) as epoch ms; None where the text is not a date."""
    if text is None:
        return None
    if text.isdecimal() and text.isascii():
        return int(text[:18])
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return round(moment.timestamp() * 1000)


def erasure_entries(user_id: str, requested_at: int) -> list[CatalogEntry]:
    """What erases a user: the tombstone, and an empty entry in place of the user's metadata."""
    return [
        CatalogEntry(kind="user", id=user_id, updated_at=requested_at),
        CatalogEntry(kind=ERASURE, id=user_id, updated_at=requested_at),
    ]
