"""The interface of a strategy, and what strategies are made from."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass

from contracts.settings import ServingSettings
from serving.memory.catalogue import Catalogue
from serving.memory.factors import RANKING, RATING, FactorCache
from serving.memory.newest_list import NewestList
from serving.memory.popular_list import PopularList
from serving.memory.trending_lists import TrendingLists
from serving.question.candidate import Candidate
from serving.question.question import Question
from serving.redis.store import Store

PAGE = 16  # most answers need no more of a list
# Pages of candidates, best first; a page is asked for only while the answer is not full. A strategy that
# finds nothing, or whose reads fail, yields nothing: the next one goes on.
Strategy = Callable[[Question], AsyncGenerator[Sequence[Candidate], None]]


@dataclass(frozen=True)
class Sources:
    """What the process keeps that strategies read."""

    store: Store
    catalogue: Catalogue
    popular_list: PopularList
    trending_lists: TrendingLists
    newest_list: NewestList
    factors: FactorCache
    rating_factors: FactorCache
    settings: ServingSettings


def sources_of(settings: ServingSettings, store: Store) -> Sources:
    """The sources over a store, still empty."""
    catalogue = Catalogue(store)
    return Sources(
        store,
        catalogue,
        PopularList(store, catalogue),
        TrendingLists(store, settings.trend_half_lives),
        NewestList(store),
        FactorCache(store, settings.factors_max_bytes, RANKING),
        FactorCache(store, settings.factors_max_bytes, RATING),
        settings,
    )


async def pages(
    entries: Sequence[tuple[str, float]], source: str
) -> AsyncGenerator[Sequence[Candidate], None]:
    """A ranked list page by page, so that no more of it is decoded than the answer needs."""
    for start in range(0, len(entries), PAGE):
        yield [Candidate(item_id, score, source) for item_id, score in entries[start : start + PAGE]]


def listed(entries: Sequence[tuple[str, float]], source: str) -> Strategy:
    """A list that was read already, as a strategy."""
    return lambda _: pages(entries, source)


Factory = Callable[[Sources], Strategy]
