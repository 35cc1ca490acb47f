"""The answer on one screen: user, candidates, filters, refill, titles.

To add a strategy or a filter: write its file, name it in ``strategies`` below or in ``filters.FILTERS``.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from serving.answers import Recommendations, RecommendedItem, SimilarItems
from serving.candidates.batch_list import SOURCE as ALS
from serving.candidates.batch_list import batch_list
from serving.candidates.candidate import Candidate, Strategy, User
from serving.candidates.fresh_list import fresh_list
from serving.cold_start.popular import popular
from serving.filters import FILTERS
from serving.popular_list import PopularList
from serving.reads.item import ItemList, similar_items
from serving.reads.user import user as read_user
from serving.refill import refill
from serving.store import Store, StoreError
from serving.titles import Titles


class Recommender:
    """Lists for users and items. An answer always comes, and says what it is."""

    def __init__(self, store: Store, popular_list: PopularList, titles: Titles) -> None:
        self._store = store
        self._titles = titles
        self._popular_list = popular_list
        self._fallback = popular(popular_list)
        self._strategies: Sequence[Strategy] = (fresh_list, batch_list, self._fallback)

    async def recommend(self, user_id: str, n: int) -> Recommendations:
        """The user's n best unknown items; fewer only where the catalogue holds fewer."""
        user = await self._user(user_id)
        chosen = await refill(user, n, self._strategies, FILTERS)
        return Recommendations.model_construct(
            user_id=user_id,
            n=n,
            items=await self._titled(chosen, user.stale),
            model_version=user.model_version,
            known_items=len(user.known_items),
            applied_through=user.applied_through,
            lag_ms=lag_ms(user.applied_through),
            stale=user.stale or not self._popular_list.loaded,
        )

    async def similar(self, item_id: str, n: int) -> SimilarItems | None:
        """The item's neighbours, else popular items; None for an item nobody knows."""
        stale, found = False, ItemList(True, None, [])
        try:
            found = await similar_items(self._store, item_id)
        except StoreError:
            stale = True
        if not found.known:
            return None
        chosen = [Candidate(each, score, ALS) for each, score in found.entries[:n]]
        if not chosen:
            itself = User("", known_items={item_id})
            chosen = await refill(itself, n, (self._fallback,), FILTERS)
        return SimilarItems.model_construct(
            item_id=item_id,
            n=n,
            items=await self._titled(chosen, stale),
            model_version=found.model_version,
            stale=stale,
        )

    async def _user(self, user_id: str) -> User:
        try:
            return await read_user(self._store, user_id)
        except StoreError:
            return User(user_id, stale=True)

    async def _titled(self, chosen: Iterable[Candidate], stale: bool) -> list[RecommendedItem]:
        ranked = list(chosen)
        # A second wait for a Redis that is down would break the deadline.
        titles = await self._titles.of((candidate.item_id for candidate in ranked), from_memory=stale)
        return [
            RecommendedItem.model_construct(
                item_id=item_id, rank=rank, score=round(score, 6), source=source, title=title
            )
            for rank, ((item_id, score, source), title) in enumerate(zip(ranked, titles, strict=True), 1)
        ]


def lag_ms(applied_through: int | None) -> int | None:
    """How far the state lies behind this machine's clock; not below zero, for two clocks are never one."""
    return None if applied_through is None else max(0, time.time_ns() // 1_000_000 - applied_through)
