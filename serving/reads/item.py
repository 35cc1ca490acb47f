"""Reads of items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

from contracts import keyspace, records
from serving.reads.user import ranked
from serving.store import BACKGROUND_SECONDS, Store


class ItemList(NamedTuple):
    """What the model says of one item."""

    known: bool  # whether the model, the events or the catalogue know the item
    model_version: str | None
    entries: list[tuple[str, float]]  # best first


async def similar_items(store: Store, item_id: str) -> ItemList:
    """The item's neighbours, best first."""
    model, (raw,), (score,) = await store.at_model(
        lambda pipe, version: pipe.hget(keyspace.similar_items(version), item_id),
        lambda pipe: pipe.zscore(keyspace.POPULAR, item_id),
    )
    known = raw is not None or score is not None
    return ItemList(known, model.version if model else None, ranked(model, raw))


async def top_users(store: Store, item_id: str) -> ItemList:
    """The users whom the item suits most, best first."""
    model, (raw,), (score,) = await store.at_model(
        lambda pipe, version: pipe.hget(keyspace.top_users(version), item_id),
        lambda pipe: pipe.zscore(keyspace.POPULAR, item_id),
    )
    ids, scores = records.decode_ranked_ids(raw) if raw else ([], ())
    known = raw is not None or score is not None
    return ItemList(known, model.version if model else None, list(zip(ids, scores, strict=True)))


async def popular_page(
    store: Store, start: int, count: int, seconds: float | None = None
) -> list[tuple[str, float]]:
    """Items and popularity scores from rank ``start`` (from 0), the most popular first."""
    (page,) = await store.ask(
        lambda pipe: pipe.zrevrange(keyspace.POPULAR, start, start + count - 1, withscores=True), seconds
    )
    return [(item.decode(), score) for item, score in page]


async def popularity(store: Store, item_ids: Sequence[str]) -> list[records.Popularity]:
    """How each item is liked; all zero for one without an interaction."""
    if not item_ids:
        return []
    (found,) = await store.ask(
        lambda pipe: pipe.hmget(keyspace.POPULARITY, list(item_ids)), BACKGROUND_SECONDS
    )
    return [records.Popularity.decode(raw) if raw else records.Popularity() for raw in found]


async def titles(store: Store, item_ids: Sequence[str]) -> list[str | None]:
    """Each item's title in the catalogue, None where there is none."""
    (found,) = await store.ask(lambda pipe: pipe.hmget(keyspace.CATALOG_ITEMS, list(item_ids)))
    return [cast("str | None", records.decode_catalog(raw).get("title")) if raw else None for raw in found]
