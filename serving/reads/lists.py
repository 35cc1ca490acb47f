"""Reads of lists that are the same for everyone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from contracts import keyspace
from serving.store import BACKGROUND_SECONDS, Pipeline, Store


async def popular_page(
    store: Store, start: int, count: int, category: str | None = None, seconds: float | None = None
) -> list[tuple[str, float]]:
    """Items and popularity scores from rank ``start`` (from 0), the most popular first."""
    key = keyspace.POPULAR if category is None else keyspace.popular_in(category)
    (page,) = await store.ask(
        lambda pipe: pipe.zrevrange(key, start, start + count - 1, withscores=True), seconds
    )
    return _named(page)


async def popular_in_categories(store: Store, categories: Sequence[str], count: int) -> list[list[str]]:
    """The most popular items of each category, in one round trip."""
    if not categories:
        return []

    def commands(pipe: Pipeline) -> None:
        for category in categories:
            pipe.zrevrange(keyspace.popular_in(category), 0, count - 1)

    return [[item.decode() for item in page] for page in await store.ask(commands)]


async def trending_pages(
    store: Store, half_lives: Sequence[int], count: int
) -> dict[int, list[tuple[str, float]]]:
    """The first items of each half-life's list with their scores (``records.Trend.score``)."""

    def commands(pipe: Pipeline) -> None:
        for half_life in half_lives:
            pipe.zrevrange(keyspace.trending(half_life), 0, count - 1, withscores=True)

    pages = await store.ask(commands, BACKGROUND_SECONDS)
    return {half_life: _named(page) for half_life, page in zip(half_lives, pages, strict=True)}


async def trending_page(
    store: Store, half_life: int, start: int, count: int, category: str | None
) -> list[tuple[str, float]]:
    """Items and scores of one half-life, of all items or of one category."""
    key = keyspace.trending(half_life) if category is None else keyspace.trending_in(half_life, category)
    (page,) = await store.ask(lambda pipe: pipe.zrevrange(key, start, start + count - 1, withscores=True))
    return _named(page)


def _named(page: Any) -> list[tuple[str, float]]:
    return [(item.decode(), float(score)) for item, score in page]
