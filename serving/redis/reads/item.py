"""Reads of items."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

from contracts.stored import keyspace, records
from serving.question.item_facts import UNKNOWN_ITEM, ItemFacts, facts_of
from serving.redis.ranked_list import ranked_list
from serving.redis.store import BACKGROUND_SECONDS, Store

_SCANNED_AT_ONCE = 500


class ItemList(NamedTuple):
    """What the model says of one item."""

    known: bool  # whether the model, the events or the catalogue know the item
    model_version: str | None
    entries: Sequence[tuple[str, float]]  # (item or user, score), best first


async def similar_items(store: Store, item_id: str) -> ItemList:
    """The item's neighbours, best first."""
    model, (raw,), (score,) = await store.at_model(
        lambda version: (("HGET", keyspace.similar_items(version), item_id),),
        ("ZSCORE", keyspace.POPULAR, item_id),
    )
    known = raw is not None or score is not None
    return ItemList(known, model.version if model else None, ranked_list(model, raw))


async def new_item_factors(store: Store, item_id: str) -> bytes | None:
    """The float32 factors of an item that came after the model; None where it has none.

    Those from its users, else those by its content.
    """
    fields = item_id, keyspace.placed_field(item_id)
    _, (found,), _ = await store.at_model(
        lambda version: (("HMGET", keyspace.new_factors(version), *fields),)
    )
    return next((raw for raw in found or () if raw and any(raw)), None)


async def similar_to_many(store: Store, item_ids: Sequence[str]) -> list[Sequence[tuple[str, float]]]:
    """The neighbours of each item, best first, in one round trip."""
    if not item_ids:
        return []
    model, (found,), _ = await store.at_model(
        lambda version: (("HMGET", keyspace.similar_items(version), *item_ids),)
    )
    return [ranked_list(model, raw) for raw in found or [None] * len(item_ids)]


async def top_users(store: Store, item_id: str) -> ItemList:
    """The users for whom the item has the highest scores, best first."""
    model, (raw,), (score,) = await store.at_model(
        lambda version: (("HGET", keyspace.top_users(version), item_id),),
        ("ZSCORE", keyspace.POPULAR, item_id),
    )
    ids, scores = records.decode_ranked_ids(raw) if raw else ([], ())
    known = raw is not None or score is not None
    return ItemList(known, model.version if model else None, list(zip(ids, scores, strict=True)))


async def top_users_of_many(store: Store, item_ids: Sequence[str]) -> list[list[str]]:
    """The users for whom each item has the highest scores, best first, in one round trip."""
    if not item_ids:
        return []
    _, (found,), _ = await store.at_model(
        lambda version: (("HMGET", keyspace.top_users(version), *item_ids),)
    )
    return [records.decode_ranked_ids(raw)[0] if raw else [] for raw in found or [None] * len(item_ids)]


async def popularity(store: Store, item_ids: Sequence[str]) -> list[bytes | None]:
    """Each item's popularity, encoded by ``records.Popularity``; None for an item without an interaction."""
    if not item_ids:
        return []
    command = ("HMGET", keyspace.POPULARITY, *item_ids)
    (found,) = await store.ask_alone(command, seconds=BACKGROUND_SECONDS)
    return list(found)


async def catalogue_entries(store: Store, item_ids: Sequence[str]) -> list[ItemFacts]:
    """What the catalogue says of each item."""
    (found,) = await store.ask(("HMGET", keyspace.CATALOG_ITEMS, *item_ids))
    return [facts_of(records.decode_catalog(raw)) if raw else UNKNOWN_ITEM for raw in found]


async def catalogue_entry(store: Store, item_id: str) -> dict[str, object]:
    """What the catalogue says of an item, as it is stored; {} where it has no entry."""
    (raw,) = await store.ask(("HGET", keyspace.CATALOG_ITEMS, item_id))
    return records.decode_catalog(raw) if raw else {}


async def catalogue_titles(store: Store) -> AsyncIterator[list[tuple[str, str | None]]]:
    """Every item of the catalogue with its title, a page at a time. Raises StoreError."""
    command = ("HSCAN", keyspace.CATALOG_ITEMS)
    async for page in store.pages(lambda cursor: (*command, cursor, "COUNT", _SCANNED_AT_ONCE)):
        ids_and_entries = iter(page)
        yield [
            (item_id.decode(), facts_of(records.decode_catalog(raw)).title)
            for item_id, raw in zip(ids_and_entries, ids_and_entries, strict=True)
        ]
