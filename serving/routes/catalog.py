"""The routes of the catalogue: writing and reading metadata of items and users."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema

from contracts.catalog import (
    HIDDEN,
    MAX_ATTRIBUTE_LENGTH,
    MAX_ATTRIBUTES,
    AttributeName,
    AttributeValue,
    CatalogEntry,
    CatalogKind,
    Categories,
    Title,
)
from contracts.events import Identifier
from contracts.settings import ServingSettings
from contracts.stored import keyspace, records
from contracts.topics import CATALOG
from serving.admission.early_checks import CheckedRoute
from serving.http.access import access
from serving.http.problems import ProblemError, reason_of
from serving.question.bounds import ID_SCHEMA, PathId
from serving.redis.store import Store
from serving.routes.events import append_to_log
from serving.writes.event_log import EventLog

MAX_ITEMS, MAX_INTEGER_ID = 1000, 2**53 - 1
_LARGEST = 1e300  # of a number as an attribute


def _text_of_number(value: Any) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number and abs(value) < _LARGEST else value


# A number as an attribute is taken as its text.
TextOrNumber = Annotated[
    AttributeValue,
    BeforeValidator(_text_of_number),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "maxLength": MAX_ATTRIBUTE_LENGTH},
                {"type": "number", "exclusiveMinimum": -_LARGEST, "exclusiveMaximum": _LARGEST},
            ]
        }
    ),
]


class Metadata(BaseModel):
    """What is known of an item or user."""

    model_config = ConfigDict(extra="forbid")

    title: Title | None = None
    categories: Categories = ()
    attributes: Annotated[dict[AttributeName, TextOrNumber], Field(max_length=MAX_ATTRIBUTES)] = Field(
        default_factory=dict
    )


class Changes(BaseModel):
    """The fields to change: absent ones stay; an attribute that is null is removed."""

    model_config = ConfigDict(extra="forbid")

    title: Title | None = None
    categories: Categories | None = None
    attributes: Annotated[dict[AttributeName, TextOrNumber | None], Field(max_length=MAX_ATTRIBUTES)] = Field(
        default_factory=dict
    )


def _text_or_integer(value: Any) -> Any:
    if isinstance(value, str):
        return value
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and abs(value) <= MAX_INTEGER_ID and value == int(value):
        return str(int(value))
    raise ValueError("an id is text or an integer")


EntryId = Annotated[
    Identifier,
    BeforeValidator(_text_or_integer),
    WithJsonSchema(
        {"anyOf": [ID_SCHEMA, {"type": "integer", "minimum": -MAX_INTEGER_ID, "maximum": MAX_INTEGER_ID}]}
    ),
]


class ItemEntry(Metadata):
    """An item and what is known of it."""

    id: EntryId


class ItemBatch(BaseModel):
    """Items to put; of two with one id the last counts."""

    model_config = ConfigDict(extra="forbid")

    items: Annotated[list[ItemEntry], Field(min_length=1, max_length=MAX_ITEMS)]


class BatchAccepted(BaseModel):
    """Items of a batch that Kafka acknowledged, all of them."""

    accepted: int
    updated_at: int = Field(description="Epoch milliseconds UTC, of every entry")


class StoredMetadata(Metadata):
    """What is known of an item or user, as it is in force now."""

    model_config = ConfigDict(extra="ignore")

    id: str
    updated_at: int = Field(description="Epoch milliseconds UTC")


class CatalogAccepted(BaseModel):
    """An entry of the catalogue that Kafka acknowledged; the newest ``updated_at`` wins."""

    kind: str
    id: str
    updated_at: int = Field(description="Epoch milliseconds UTC")


def routes(settings: ServingSettings, store: Store, event_log: EventLog) -> APIRouter:
    """The routes that read metadata (read key) and write them (write key)."""
    router = APIRouter(route_class=CheckedRoute, tags=["catalogue"])
    readers = access(settings, "read")
    writers = access(settings, "write")

    async def put(kind: CatalogKind, entry_id: str, fields: dict[str, Any]) -> CatalogAccepted:
        try:
            entry = CatalogEntry(kind=kind, id=entry_id, **fields)
        except ValidationError as error:  # the merged entry may break a bound that its parts keep
            errors = [("/body/" + "/".join(map(str, e["loc"])), reason_of(e)) for e in error.errors()]
            raise ProblemError(422, "The request is not valid", errors=errors) from error
        await append_to_log(event_log, [entry], CATALOG)
        return CatalogAccepted(kind=kind, id=entry_id, updated_at=entry.updated_at)

    @router.post("/v1/items:batch", status_code=202, dependencies=writers)
    async def put_items(batch: ItemBatch) -> BatchAccepted:
        """Replace up to 1,000 entries at once, all or none; `headwater catalog import` takes whole files."""
        now = time.time_ns() // 1_000_000
        last = {item.id: item for item in batch.items}
        entries = [CatalogEntry(kind="item", updated_at=now, **item.model_dump()) for item in last.values()]
        await append_to_log(event_log, entries, CATALOG)
        return BatchAccepted(accepted=len(entries), updated_at=now)

    for kind, path, key in (
        ("item", "/v1/items/{entry_id:last_id}", keyspace.CATALOG_ITEMS),
        ("user", "/v1/users/{entry_id:last_id}", keyspace.CATALOG_USERS),
    ):
        _read_route(router, kind, path, key, store, readers)
        _metadata_routes(router, kind, path, key, store, put, writers)  # type: ignore[arg-type]

    @router.delete("/v1/items/{entry_id:last_id}", status_code=202, dependencies=writers)
    async def hide_item(entry_id: PathId) -> CatalogAccepted:
        """Stop recommending an item: its attribute ``hidden`` becomes true, the rest stays."""
        known = await current_fields(store, keyspace.CATALOG_ITEMS, entry_id)
        known["attributes"] = {**known["attributes"], HIDDEN: "true"}
        return await put("item", entry_id, known)

    return router


def _read_route(router: APIRouter, kind: str, path: str, key: str, store: Store, readers: list[Any]) -> None:
    @router.get(path, dependencies=readers, name=f"get_{kind}")
    async def get_metadata(entry_id: PathId) -> StoredMetadata:
        """The entry that is in force; 404 where the catalogue has none."""
        (raw,) = await store.ask(("HGET", key, entry_id))
        if raw is None:
            raise ProblemError(404, f"The catalogue has no {kind} of this id; a PUT here makes an entry")
        return _metadata_of(entry_id, records.decode_catalog(raw))


def _metadata_of(entry_id: str, entry: dict[str, Any]) -> StoredMetadata:
    """A stored entry as the API answers it, also one that was stored before today's bounds existed."""
    return StoredMetadata.model_construct(
        id=entry_id,
        title=entry.get("title"),
        categories=tuple(entry.get("categories") or ()),
        attributes=dict(entry.get("attributes") or {}),
        updated_at=int(entry.get("updated_at") or 0),
    )


def _metadata_routes(
    router: APIRouter, kind: CatalogKind, path: str, key: str, store: Store, put: Any, writers: list[Any]
) -> None:
    @router.put(path, status_code=202, dependencies=writers, name=f"put_{kind}")
    async def put_metadata(entry_id: PathId, metadata: Metadata) -> CatalogAccepted:
        """Replace the entry in the catalogue; in force once streaming has applied it."""
        accepted: CatalogAccepted = await put(kind, entry_id, metadata.model_dump())
        return accepted

    @router.patch(path, status_code=202, dependencies=writers, name=f"patch_{kind}")
    async def patch_metadata(entry_id: PathId, changes: Changes) -> CatalogAccepted:
        """Change parts of the entry that is in force now. When two patches come at once, the later counts."""
        accepted: CatalogAccepted = await put(
            kind, entry_id, merge(await current_fields(store, key, entry_id), changes)
        )
        return accepted


def merge(known: dict[str, Any], changes: Changes) -> dict[str, Any]:
    """The entry's fields with the changes."""
    fields = dict(known)
    for name in changes.model_fields_set & {"title", "categories"}:
        fields[name] = getattr(changes, name) or (() if name == "categories" else None)
    attributes = {**known["attributes"], **changes.attributes}
    fields["attributes"] = {name: value for name, value in attributes.items() if value is not None}
    return fields


async def current_fields(store: Store, key: str, entry_id: str) -> dict[str, Any]:
    """Title, categories and attributes of the entry that is in force; empty where there is none."""
    (raw,) = await store.ask(("HGET", key, entry_id))
    entry: dict[str, Any] = records.decode_catalog(raw) if raw else {}
    return {
        "title": entry.get("title"),
        "categories": tuple(entry.get("categories") or ()),
        "attributes": dict(entry.get("attributes") or {}),
    }
