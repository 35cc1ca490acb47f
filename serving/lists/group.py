"""One list for several users."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from pydantic import BaseModel, Field

from serving.answer.recommended_item import RECOMMENDATION_ID, RecommendedItem
from serving.answer.recommender import Recommender, lag_ms
from serving.answer.strategies.fusion import fuse
from serving.answer.strategies.strategy import list_strategy
from serving.question.candidate import unite
from serving.question.list_options import ListOptions

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
    recommendation_id: str = RECOMMENDATION_ID


async def group_answer(
    recommender: Recommender, user_ids: Sequence[str], options: ListOptions
) -> GroupRecommendations:
    """The users' lists, fused by reciprocal rank; if they are too short, further strategies of the chain."""
    users = await asyncio.gather(*map(recommender.user, user_ids))
    group_user = unite(users)
    lists = [(1.0, [item_id for item_id, _ in user.best_list[:]]) for user in users]
    strategies = (list_strategy(fuse(lists), SOURCE), *recommender.chain_for(group_user, options).strategies)
    page = await recommender.select(await recommender.question(group_user, options), strategies)
    return GroupRecommendations.model_construct(
        user_ids=list(user_ids),
        n=options.n,
        offset=options.offset,
        items=recommender.with_titles(page, options.offset),
        model_version=group_user.model_version,
        known_items=group_user.known_count,
        stale=group_user.stale,
        applied_through=group_user.applied_through,
        lag_ms=lag_ms(group_user.applied_through),
    )
