"""One list for several users."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from serving.answer.recommender import Recommender, lag_ms
from serving.answer.strategies.fusion import fused
from serving.answer.strategies.strategy import listed
from serving.http.answers import GroupRecommendations
from serving.question.candidate import united
from serving.question.question import Wishes

SOURCE = "group"


async def group_answer(
    recommender: Recommender, user_ids: Sequence[str], wishes: Wishes
) -> GroupRecommendations:
    """The users' lists fused by reciprocal rank; after those, the chain as for an unknown user."""
    users = await asyncio.gather(*map(recommender.user, user_ids))
    together = united(users)
    lists = [(1.0, [item_id for item_id, _ in user.best_list[:]]) for user in users]
    chain = (listed(fused(lists), SOURCE), *recommender.strategies)
    chosen = await recommender.chosen(await recommender.question(together, wishes), chain)
    return GroupRecommendations.model_construct(
        user_ids=list(user_ids),
        n=wishes.n,
        offset=wishes.offset,
        items=recommender.titled(chosen, wishes.offset),
        model_version=together.model_version,
        known_items=len(together.known_items),
        stale=together.stale,
        applied_through=together.applied_through,
        lag_ms=lag_ms(together.applied_through),
    )
