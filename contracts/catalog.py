"""Metadata of items and users, as they travel on the compacted ``catalog`` topic.

``streaming/records/parse.py`` has the same bounds as Spark expressions;
``tests/streaming/records/test_parse_catalog.py`` runs the same examples through both. The bounds apply to new
entries: one that was stored before a bound existed stays readable.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Annotated, Any, Literal, NamedTuple, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from contracts.events import EpochMillis, Identifier

# An erasure says: forget the user `id`, and what happened until `updated_at`. It stays on the topic for good.
CatalogKind = Literal["item", "user", "erasure"]
CATALOG_KINDS: tuple[CatalogKind, ...] = get_args(CatalogKind)
ERASURE: CatalogKind = "erasure"
MAX_TITLE_LENGTH = 1024  # all lengths in characters
MAX_CATEGORIES, MAX_CATEGORY_LENGTH = 64, 128
MAX_ATTRIBUTES, MAX_ATTRIBUTE_NAME_LENGTH, MAX_ATTRIBUTE_LENGTH = 64, 128, 1024
# The attributes of items that Headwater reads; what others mean is up to the operator.
HIDDEN = "hidden"  # "true": never recommended
EXPIRES_AT, PUBLISHED_AT = "expires_at", "published_at"  # ISO 8601, or epoch milliseconds
EMBEDDING = "embedding"  # numbers of the owner's, as a JSON list or with commas or spaces between them


def _or_empty(empty: Callable[[], Any]) -> BeforeValidator:
    """A validator that puts an empty value in place of null: for Spark too, null is the same as absent."""
    return BeforeValidator(lambda value: empty() if value is None else value)


Title = Annotated[str, StringConstraints(max_length=MAX_TITLE_LENGTH)]
Category = Annotated[str, StringConstraints(max_length=MAX_CATEGORY_LENGTH)]
Categories = Annotated[tuple[Category, ...], Field(max_length=MAX_CATEGORIES)]
AttributeName = Annotated[str, StringConstraints(min_length=1, max_length=MAX_ATTRIBUTE_NAME_LENGTH)]
AttributeValue = Annotated[str, StringConstraints(max_length=MAX_ATTRIBUTE_LENGTH)]
Attributes = Annotated[dict[AttributeName, AttributeValue], Field(max_length=MAX_ATTRIBUTES)]


class CatalogEntry(BaseModel):
    """What is known about one item or user; the entry with the newest ``updated_at`` wins.

    Of kind "erasure" it is a tombstone (docs/decisions/0008-erasure.md): the user's events with an event time
    up to ``updated_at`` count nowhere, in whichever order they come.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    kind: CatalogKind
    id: Identifier
    title: Title | None = None
    categories: Annotated[Categories, _or_empty(tuple)] = ()
    attributes: Annotated[Attributes, _or_empty(dict)] = Field(default_factory=dict)
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


class Content(NamedTuple):
    """What an entry says, for placing its item by it (algorithms/content)."""

    title: str = ""
    categories: Sequence[str] = ()
    attributes: Mapping[str, str] = {}
    numbers: Mapping[str, float] = {}
    embedding: Sequence[float] = ()


def content_of(entry: Mapping[str, Any]) -> Content:
    """The content of an entry as it is stored, whatever it holds. What says when to show it is left out."""
    texts, numbers, embedding = dict[str, str](), dict[str, float](), list[float]()
    for name, value in (entry.get("attributes") or {}).items():
        if not isinstance(value, str):  # of an entry from before today's bounds
            continue
        if name == EMBEDDING:
            embedding = _unit_vector(value)
        elif name not in (HIDDEN, EXPIRES_AT):
            number = moment_of(value) if name == PUBLISHED_AT else _number(value)
            if number is not None:
                numbers[name] = float(number)
            elif name != PUBLISHED_AT:
                texts[name] = value
    categories = tuple(each for each in entry.get("categories") or () if isinstance(each, str))
    return Content(str(entry.get("title") or ""), categories, texts, numbers, embedding)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) < 1e300 else None  # neither infinite nor NaN


def _unit_vector(text: str) -> list[float]:
    """The embedding at length 1; empty where the text cannot be read as one."""
    try:
        is_json = text.lstrip().startswith("[")
        found = json.loads(text) if is_json else re.split(r"[,;\s]+", text.strip())
        numbers = [float(each) for each in found]
    except (ValueError, TypeError, OverflowError, RecursionError):
        return []
    largest = max(map(abs, numbers), default=0.0)
    if not (0 < largest < math.inf and all(map(math.isfinite, numbers))):
        return []
    length = largest * math.sqrt(sum((each / largest) ** 2 for each in numbers))
    return [each / length for each in numbers] if length < math.inf else []


def erasure_entries(user_id: str, requested_at: int) -> list[CatalogEntry]:
    """What erases a user: the tombstone, and an empty entry in place of the user's metadata."""
    return [
        CatalogEntry(kind="user", id=user_id, updated_at=requested_at),
        CatalogEntry(kind=ERASURE, id=user_id, updated_at=requested_at),
    ]
