"""What is trending, by one half-life."""

from __future__ import annotations

import time

from pydantic import BaseModel, Field

from serving.answer.recommended_item import RECOMMENDATION_ID
from serving.memory.process_memory import ProcessMemory
from serving.memory.trending_lists import mass_at
from serving.redis.reads.lists import trending_page


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


async def trending_answer(
    memory: ProcessMemory, n: int, offset: int, half_life: int, category: str | None
) -> Trending:
    """Items from rank ``offset`` + 1, with the decayed sums of weights now. Raises StoreError."""
    page = await trending_page(memory.store, half_life, offset, n, category)
    await memory.catalogue.load(item_id for item_id, _ in page)
    now_ms = time.time_ns() // 1_000_000
    items = [
        TrendingItem(
            item_id=item_id,
            rank=rank,
            score=round(mass_at(score, half_life, now_ms), 6),
            title=memory.catalogue.get(item_id).title,
        )
        for rank, (item_id, score) in enumerate(page, offset + 1)
    ]
    return Trending(n=n, offset=offset, half_life=half_life, items=items)
