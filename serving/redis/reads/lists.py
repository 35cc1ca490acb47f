"""Reads of lists that are the same for everyone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from contracts.stored import keyspace
from serving.redis.store import BACKGROUND_SECONDS, Store


async def popular_page(
    store: Store, start: int, count: int, category: str | None = None, seconds: float | None = None
) -> list[tuple[str, float]]:
    """Items and popularity scores from rank ``start`` (from 0), the most popular first."""
    key = keyspace.POPULAR if category is None else keyspace.popular_in(category)
    command = ("ZREVRANGE", key, start, start + count - 1, "WITHSCORES")
    (page,) = await (store.ask(command) if seconds is None else store.ask_alone(command, seconds=seconds))
    return _decode_page(page)


async def popular_in_categories(store: Store, categories: Sequence[str], count: int) -> list[list[str]]:
    """The most popular items of each category, in one round trip."""
    if not categories:
        return []
    pages = await store.ask(
        *(("ZREVRANGE", keyspace.popular_in(category), 0, count - 1) for category in categories)
    )
    return [[item.decode() for item in page] for page in pages]


async def trending_pages(
    store: Store, half_lives: Sequence[int], count: int
) -> dict[int, list[tuple[str, float]]]:
    """The first items of each half-life's list with their scores (``records.Trend.score``)."""
    pages = await store.ask_alone(
        *(("ZREVRANGE", keyspace.trending(each), 0, count - 1, "WITHSCORES") for each in half_lives),
        seconds=BACKGROUND_SECONDS,
    )
    return {half_life: _decode_page(page) for half_life, page in zip(half_lives, pages, strict=True)}


async def trending_page(
    store: Store, half_life: int, start: int, count: int, category: str | None
) -> list[tuple[str, float]]:
    """Items and scores of one half-life, of all items or of one category."""
    key = keyspace.trending(half_life) if category is None else keyspace.trending_in(half_life, category)
    (page,) = await store.ask(("ZREVRANGE", key, start, start + count - 1, "WITHSCORES"))
    return _decode_page(page)


async def newest_page(store: Store, now_ms: int, start: int, count: int) -> list[tuple[str, float]]:
    """Items published until ``now_ms`` with the times of their publication (epoch ms), the newest first."""
    command = ("ZREVRANGEBYSCORE", keyspace.NEWEST, now_ms, "-inf", "WITHSCORES", "LIMIT", start, count)
    (page,) = await store.ask(command)
    return _decode_page(page)


def _decode_page(page: Any) -> list[tuple[str, float]]:
    return [(item.decode(), score) for item, score in page]
