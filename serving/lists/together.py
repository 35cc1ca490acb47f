"""Items that the same users liked lately: more often than their popularity explains."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel, Field

from algorithms.association import log_likelihood
from contracts.stored import keyspace
from contracts.stored.records import Popularity
from serving.answer.recommender import Recommender
from serving.answer.strategies.strategy import list_strategy
from serving.memory.process_memory import ProcessMemory
from serving.redis.reads.item import popularity
from serving.redis.store import Store

SOURCE = "together"
CANDIDATES = 500  # how many items of each shard are looked at, the most frequent ones


class TogetherItem(BaseModel):
    """An item that goes with another."""

    item_id: str
    rank: int = Field(ge=1)
    score: float = Field(description="Log-likelihood ratio")
    lift: float = Field(description="How many times more often than by chance")
    users: float = Field(description="Users who liked both lately")
    title: str | None


class TogetherItems(BaseModel):
    """What goes with an item, the surest first."""

    item_id: str
    n: int
    offset: int = 0
    items: list[TogetherItem]
    stale: bool = Field(False, description="Redis has lost the state, or a rebuild is writing it")


class Together(NamedTuple):
    """An item that goes with another."""

    item_id: str
    users: float  # who liked both
    lift: float  # how many times more often than by chance
    score: float  # log-likelihood ratio


async def together_answer(
    recommender: Recommender, memory: ProcessMemory, item_id: str, n: int, offset: int
) -> TogetherItems:
    """Items from rank ``offset`` + 1 that go with an item. Raises StoreError."""
    found = {
        each.item_id: each
        for each in await frequently_together(memory.store, item_id, memory.popular_list.users)
    }
    entries = [(each.item_id, each.score) for each in found.values()]
    chosen = await recommender.list_for_all(list_strategy(entries, SOURCE), n, offset)
    items = [
        TogetherItem(
            item_id=each.item_id,
            rank=rank,
            score=round(each.score, 6),
            lift=round(found[each.item_id].lift, 6),
            users=found[each.item_id].users,
            title=memory.catalogue.get(each.item_id).title,
        )
        for rank, each in enumerate(chosen, offset + 1)
    ]
    return TogetherItems(item_id=item_id, n=n, offset=offset, items=items, stale=not recommender.holds_state)


async def frequently_together(store: Store, item_id: str, all_users: int) -> list[Together]:
    """Items that go with an item, the surest first, by two round trips.

    ``all_users`` is the sum, over the popular items, of their numbers of users.
    """
    pages = await store.ask(
        *(
            ("ZREVRANGE", keyspace.together(item_id, shard), 0, CANDIDATES - 1, "WITHSCORES")
            for shard in range(store.shards)
        )
    )
    counts: Counter[str] = Counter()
    for page in pages:
        for other, users in page:
            counts[other.decode()] += users
    raws = await popularity(store, list(counts))
    users_of = {
        other: Popularity.decode(raw).users if raw else 0 for other, raw in zip(counts, raws, strict=True)
    }
    return rank_by_surprise(counts, users_of, all_users)


def rank_by_surprise(
    together: Mapping[str, float], users_of: Mapping[str, int], all_users: int
) -> list[Together]:
    """Items that go together more often than expected, by the log-likelihood ratio, the largest first.

    By chance, an item would have the same share of the pairs as of the users:
    expected = all pairs x users / all users.
    """
    others = list(together)
    counts = np.array([together[other] for other in others], np.float64)
    users = np.array([users_of[other] for other in others], np.float64)
    # ``all_users`` covers the head of the popular list only; the sum must not be below that of these items.
    expected = counts.sum() * users / max(all_users, users.sum(), 1.0)
    scores = log_likelihood(counts, expected)
    order = np.argsort(-scores, kind="stable")
    return [
        Together(others[at], counts[at], float(counts[at] / max(expected[at], 1e-9)), float(scores[at]))
        for at in order.tolist()
        if scores[at] > 0
    ]
