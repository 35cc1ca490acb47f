"""What this process keeps in memory, in one record, and the store that has the rest."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.settings import ServingSettings
from serving.memory.catalogue import Catalogue
from serving.memory.factors import RANKING, RATING, FactorCache
from serving.memory.live_blend import LiveBlendCache
from serving.memory.model_blend import BlendCache
from serving.memory.newest_list import NewestList, NewItems
from serving.memory.popular_list import PopularList
from serving.memory.trending_lists import TrendingLists
from serving.redis.store import Store


@dataclass(frozen=True)
class ProcessMemory:
    """What strategies and lists read: copies of data in Redis, the store itself, the settings."""

    store: Store
    catalogue: Catalogue
    popular_list: PopularList
    trending_lists: TrendingLists
    newest_list: NewestList
    new_items: NewItems
    factors: FactorCache
    blends: BlendCache  # as they were fitted: of batch lists
    live_blends: LiveBlendCache  # as they rank now
    rating_factors: FactorCache
    settings: ServingSettings


def empty_memory(settings: ServingSettings, store: Store) -> ProcessMemory:
    """Memory over a store, still empty: each part is filled by its ``refresh`` or when it is first asked."""
    catalogue, newest_list = Catalogue(store), NewestList(store)
    factors = FactorCache(store, settings.factors_max_bytes, RANKING)
    blends = BlendCache(store, settings.factors_max_bytes, factors)
    return ProcessMemory(
        store=store,
        catalogue=catalogue,
        popular_list=PopularList(store, catalogue),
        trending_lists=TrendingLists(store, settings.trend_half_lives),
        newest_list=newest_list,
        new_items=NewItems(store, newest_list, settings),
        factors=factors,
        blends=blends,
        live_blends=LiveBlendCache(store, blends, settings.trend_half_lives),
        rating_factors=FactorCache(store, settings.factors_max_bytes, RATING),
        settings=settings,
    )
