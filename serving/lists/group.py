"""One list for several users."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from pydantic import BaseModel, Field

from serving.answer.recommended_item import RecommendedItem
from serving.answer.recommender import Recommender, lag_ms
from serving.answer.strategies.fusion import fused
from serving.answer.strategies.strategy import listed
from serving.question.candidate import united
from serving.question.question import Wishes

SOURCE = "group"


class GroupRecommendations(BaseModel):
    """One list for several users, best first, without items that any of them knows."""

    user_ids: list[str]
    n: int
    offset: int = 0
    items: list[RecommendedItem]
    model_version: str | None
    known_items: int = Field(description="How many items any of them knows")
    stale: bool
    applied_through: int | None
    lag_ms: int | None


async def group_answer(
    recommender: Recommender, user_ids: Sequence[str], wishes: Wishes
) -> GroupRecommendations:
    """The users' lists fused by reciprocal rank; after those, the chain as for an unknown user."""
    users = await asyncio.gather(*map(recommender.user, user_ids))
    together = united(users)
    lists = [(1.0, [item_id for item_id, _ in user.best_list[:]]) for user in users]
    strategies = (listed(fused(lists), SOURCE), *recommender.chain_for(together).strategies)
    page = await recommender.select(await recommender.question(together, wishes), strategies)
    return GroupRecommendations.model_construct(
        user_ids=list(user_ids),
        n=wishes.n,
        offset=wishes.offset,
        items=recommender.with_titles(page, wishes.offset),
        model_version=together.model_version,
        known_items=len(together.known_items),
        stale=together.stale,
        applied_through=together.applied_through,
        lag_ms=lag_ms(together.applied_through),
    )
