"""The most popular items, of all or of one category."""

from __future__ import annotations

from pydantic import BaseModel, Field

from contracts.stored.records import Popularity
from serving.answer.recommended_item import RECOMMENDATION_ID
from serving.answer.strategies.popular import SOURCE
from serving.memory.process_memory import ProcessMemory
from serving.redis.reads.item import popularity
from serving.redis.reads.lists import popular_page
from serving.redis.reads.model import current_version
from serving.redis.store import StoreError


class PopularItem(BaseModel):
    """An item with how it is liked: score = raters x mean + weighted counts of the other events."""

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


async def popular_from_memory(memory: ProcessMemory, n: int) -> Popular:
    """The first n items, from this process; stale where Redis does not answer."""
    version, stale = None, not memory.popular_list.loaded
    try:
        version = await current_version(memory.store)
    except StoreError:
        stale = True
    items = [
        _popular_item(rank, item.item_id, item.score, item.popularity, item.title)
        for rank, item in enumerate(memory.popular_list.head(n), 1)
    ]
    return Popular.model_construct(n=n, offset=0, items=items, model_version=version, stale=stale)


async def popular_from_redis(memory: ProcessMemory, n: int, offset: int, category: str | None) -> Popular:
    """Items from rank ``offset`` + 1, of one category where one is given. Raises StoreError."""
    page = await popular_page(memory.store, offset, n, category)
    ids = [item_id for item_id, _ in page]
    raws = await popularity(memory.store, ids)
    await memory.catalogue.load(ids)
    items = [
        _popular_item(
            rank,
            item_id,
            score,
            Popularity.decode(raw) if raw else Popularity(),
            memory.catalogue.get(item_id).title,
        )
        for rank, ((item_id, score), raw) in enumerate(zip(page, raws, strict=True), offset + 1)
    ]
    version = await current_version(memory.store)
    return Popular.model_construct(n=n, offset=offset, items=items, model_version=version, stale=False)


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
