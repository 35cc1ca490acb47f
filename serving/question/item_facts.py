"""What the catalogue says about an item, as far as answers need it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts.catalog import EXPIRES_AT, HIDDEN, PUBLISHED_AT, moment_of


@dataclass(frozen=True)
class ItemFacts:
    """An item of the catalogue; all fields are empty for an item that the catalogue does not know."""

    title: str | None = None
    categories: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    hidden: bool = False
    expires_at: int | None = None  # epoch ms
    published_at: int | None = None  # epoch ms
    title_json: str = "null"  # the title as JSON, as it is in an answer


UNKNOWN_ITEM = ItemFacts()


def facts_of(entry: Mapping[str, Any]) -> ItemFacts:
    """The facts of a catalogue entry (``contracts.catalog``); a date that cannot be read counts as absent."""
    attributes = entry.get("attributes") or {}
    return ItemFacts(
        title=entry.get("title"),
        categories=tuple(entry.get("categories") or ()),
        attributes=attributes,
        hidden=attributes.get(HIDDEN, "").lower() == "true",
        expires_at=moment_of(attributes.get(EXPIRES_AT)),
        published_at=moment_of(attributes.get(PUBLISHED_AT)),
        # A lone surrogate may stand in JSON, but not in UTF-8.
        title_json=json.dumps(entry.get("title"), ensure_ascii=False).encode(errors="replace").decode(),
    )
