"""Updates the lists over all users (popular, trending, both also by category, and newest) for given items.

All values are absolute and computed from the shards and the catalogue, so repeating an update is harmless.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from contracts.catalog import PUBLISHED_AT, moment_of
from contracts.settings import StateSettings
from contracts.stored import keyspace
from contracts.stored.records import Popularity, Trend, decode_catalog
from streaming.state.client import StateClient, chunks


class _Item(NamedTuple):
    item_id: str
    popularity: Popularity | None  # None if it has no event
    trend: Trend
    categories: frozenset[str]
    left: frozenset[str]  # categories that it was in before its newest catalogue entry
    published_at: int | None  # epoch ms


def merge_items(client: StateClient, items: Iterable[str], settings: StateSettings) -> None:
    """Write the items' popularity over all shards, and their scores in every list."""
    for chunk in chunks(sorted(set(items))):
        _write(client, list(_read(client, chunk, settings.redis_shards)), settings)


def _read(client: StateClient, items: Sequence[str], shards: int) -> Iterator[_Item]:
    with client.pipeline(transaction=False) as pipeline:
        pipeline.hmget(keyspace.CATALOG_ITEMS, items)
        pipeline.hmget(keyspace.ITEM_CATEGORIES, items)
        for shard in range(shards):
            pipeline.hmget(keyspace.popularity_shard(shard), items)
            pipeline.hmget(keyspace.trend_shard(shard), items)
        entries, listed, *by_shard = pipeline.execute()
    for n, item in enumerate(items):
        counted = [Popularity.decode(raw[n]) for raw in by_shard[::2] if raw[n]]
        popularity = sum(counted, Popularity()) if counted else None
        trend = sum((Trend.decode(raw[n]) for raw in by_shard[1::2] if raw[n]), Trend())
        entry: Any = decode_catalog(entries[n]) if entries[n] else {}
        categories = frozenset(entry.get("categories") or ())
        published_at = moment_of((entry.get("attributes") or {}).get(PUBLISHED_AT))
        before = frozenset(json.loads(listed[n])) if listed[n] else frozenset()
        yield _Item(item, popularity, trend, categories, before - categories, published_at)


def _write(client: StateClient, items: Sequence[_Item], settings: StateSettings) -> None:
    placed: dict[str, dict[str, float]] = defaultdict(dict)
    absent: dict[str, list[str]] = defaultdict(list)
    for item in items:
        for key, score in _places(item, settings):
            if score is None:
                absent[key].append(item.item_id)
            else:
                placed[key][item.item_id] = score
    with client.pipeline(transaction=False) as pipeline:
        for item in items:
            if item.popularity is not None:
                pipeline.hset(keyspace.POPULARITY, item.item_id, item.popularity.encode())
        for key, scores in placed.items():
            pipeline.zadd(key, scores)
        for key, gone in absent.items():
            pipeline.zrem(key, *gone)
        pipeline.execute()
    # Written last: if the process dies before, the next try still knows which categories an item left.
    with client.pipeline(transaction=False) as pipeline:
        for item in items:
            if item.categories:
                pipeline.hset(keyspace.ITEM_CATEGORIES, item.item_id, json.dumps(sorted(item.categories)))
            elif item.left:
                pipeline.hdel(keyspace.ITEM_CATEGORIES, item.item_id)
        pipeline.execute()


def _places(item: _Item, settings: StateSettings) -> Iterator[tuple[str, float | None]]:
    """Each list that the item may be in, with its score there; None if it does not belong there."""
    popular = item.popularity.score(settings.event_weights) if item.popularity else 0.0
    yield keyspace.POPULAR, popular
    yield keyspace.NEWEST, item.published_at
    yield from ((keyspace.popular_in(category), popular) for category in item.categories)
    yield from ((keyspace.popular_in(category), None) for category in item.left)
    for place, half_life in enumerate(settings.trend_half_lives):
        score = item.trend.score(place)
        yield keyspace.trending(half_life), score
        yield from ((keyspace.trending_in(half_life, category), score) for category in item.categories)
        yield from ((keyspace.trending_in(half_life, category), None) for category in item.left)
