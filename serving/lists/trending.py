"""What is trending, by one half-life."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from pydantic import BaseModel, Field

from serving.answer.recommended_item import RECOMMENDATION_ID
from serving.answer.recommender import Recommender
from serving.answer.strategies.strategy import Strategy
from serving.answer.strategies.trending import SOURCE
from serving.memory.process_memory import ProcessMemory
from serving.memory.trending_lists import mass_at
from serving.question.candidate import Candidate
from serving.question.question import Question
from serving.redis.reads.lists import trending_page
from serving.redis.store import StoreError


class TrendingItem(BaseModel):
    """An item with the decayed sum of what was done with it."""

    item_id: str
    rank: int = Field(ge=1)
    score: float
    title: str | None


class Trending(BaseModel):
    """What is trending by one half-life, best first."""

    n: int
    offset: int
    half_life: int = Field(description="In seconds")
    items: list[TrendingItem]
    recommendation_id: str = RECOMMENDATION_ID
    stale: bool = Field(
        False, description="Redis did not answer, or has lost the state: as this process last read it"
    )


async def trending_answer(
    recommender: Recommender,
    memory: ProcessMemory,
    n: int,
    offset: int,
    half_life: int,
    category: str | None,
) -> Trending:
    """Items from rank ``offset`` + 1, with the decayed sums of weights now.

    Raises StoreError for a category where Redis does not answer.
    """
    try:
        chosen = await recommender.list_for_all(_from_redis(memory, half_life, category), n, offset)
        is_fresh = recommender.holds_state
    except StoreError:
        if category is not None:
            raise
        is_fresh = False
    if not is_fresh and category is None:
        chosen = await recommender.list_for_all(_from_memory(memory, half_life), n, offset)
    items = [
        TrendingItem(
            item_id=each.item_id,
            rank=rank,
            score=round(each.score, 6),
            title=memory.catalogue.get(each.item_id).title,
        )
        for rank, each in enumerate(chosen, offset + 1)
    ]
    return Trending(n=n, offset=offset, half_life=half_life, items=items, stale=not is_fresh)


def _from_redis(memory: ProcessMemory, half_life: int, category: str | None) -> Strategy:
    """The strategy that reads the list of one half-life from Redis. It raises StoreError."""

    async def candidates(question: Question) -> AsyncGenerator[Sequence[Candidate], None]:
        start, size = 0, question.options.offset + question.options.n
        while page := await trending_page(memory.store, half_life, start, size, category):
            yield [
                Candidate(item, mass_at(score, half_life, question.now_ms), SOURCE) for item, score in page
            ]
            start += size

    return candidates


def _from_memory(memory: ProcessMemory, half_life: int) -> Strategy:
    async def candidates(question: Question) -> AsyncGenerator[Sequence[Candidate], None]:
        head = memory.trending_lists.head(half_life, question.now_ms)
        yield [Candidate(item_id, mass, SOURCE) for item_id, mass in head]

    return candidates
