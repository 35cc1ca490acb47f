"""The most popular items, of all categories or of one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from pydantic import BaseModel, Field

from contracts.stored.records import Popularity
from serving.answer.recommended_item import RECOMMENDATION_ID
from serving.answer.recommender import Recommender
from serving.answer.strategies.popular import SOURCE, popular
from serving.answer.strategies.strategy import Strategy
from serving.memory.process_memory import ProcessMemory
from serving.question.candidate import Candidate
from serving.question.question import Question
from serving.redis.reads.lists import popular_page
from serving.redis.reads.model import current_version
from serving.redis.store import StoreError


class PopularItem(BaseModel):
    """An item, and how much it is liked: score = raters x mean + weighted counts of the other events."""

    item_id: str
    rank: int = Field(ge=1)
    score: float
    source: str
    title: str | None
    raters: int
    mean: float | None = Field(description="Mean rating, null without one")
    users: int = Field(description="Users with any interaction")


class Popular(BaseModel):
    """The most popular items, best first."""

    n: int
    offset: int = 0
    items: list[PopularItem]
    model_version: str | None
    stale: bool
    recommendation_id: str = RECOMMENDATION_ID


async def popular_answer(
    recommender: Recommender, memory: ProcessMemory, n: int, offset: int, category: str | None
) -> Popular:
    """Items from rank ``offset`` + 1, of one category where one is given; stale where Redis does not answer.

    Raises StoreError where Redis does not answer and this process does not hold the items.
    """
    strategy = popular(memory) if category is None else _popular_in(memory, category)
    chosen = await recommender.list_for_all(strategy, n, offset)
    liked = await memory.popular_list.read_popularity([each.item_id for each in chosen])
    version, is_answered = None, True
    try:
        version = await current_version(memory.store)
    except StoreError:
        is_answered = False
    items = [
        _popular_item(rank, each.item_id, each.score, how, memory.catalogue.get(each.item_id).title)
        for rank, (each, how) in enumerate(zip(chosen, liked, strict=True), offset + 1)
    ]
    is_fresh = is_answered and memory.popular_list.loaded and recommender.holds_state
    return Popular.model_construct(n=n, offset=offset, items=items, model_version=version, stale=not is_fresh)


def _popular_in(memory: ProcessMemory, category: str) -> Strategy:
    """The strategy that reads a category's popular items from Redis. It raises StoreError."""

    async def candidates(question: Question) -> AsyncGenerator[Sequence[Candidate], None]:
        start, size = 0, question.options.offset + question.options.n
        while page := await popular_page(memory.store, start, size, category):
            yield [Candidate(item_id, score, SOURCE) for item_id, score in page]
            start += size

    return candidates


def _popular_item(rank: int, item_id: str, score: float, liked: Popularity, title: str | None) -> PopularItem:
    return PopularItem.model_construct(
        item_id=item_id,
        rank=rank,
        score=score,
        source=SOURCE,
        title=title,
        raters=liked.raters,
        mean=liked.mean,
        users=liked.users,
    )
