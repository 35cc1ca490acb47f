"""An item's neighbours by the model; popular items if the model has none."""

from __future__ import annotations

from pydantic import BaseModel

from serving.answer.recommended_item import RECOMMENDATION_ID, RecommendedItem
from serving.answer.recommender import Recommender
from serving.answer.strategies.batch_list import SOURCE
from serving.answer.strategies.popular import popular
from serving.answer.strategies.strategy import list_strategy
from serving.memory.process_memory import ProcessMemory
from serving.question.candidate import User
from serving.question.list_options import ListOptions
from serving.redis.reads.item import ItemList, similar_items
from serving.redis.store import StoreError


class SimilarItems(BaseModel):
    """An item's neighbours; popular items, marked by their source, where the model has none."""

    item_id: str
    n: int
    offset: int = 0
    items: list[RecommendedItem]
    model_version: str | None
    stale: bool
    recommendation_id: str = RECOMMENDATION_ID


async def similar_items_answer(
    recommender: Recommender, memory: ProcessMemory, item_id: str, options: ListOptions
) -> SimilarItems | None:
    """The item's neighbours, else popular items; None for an item that nothing in Redis knows."""
    stale, found = False, ItemList(True, None, [])
    try:
        found = await similar_items(memory.store, item_id)
        stale = not memory.store.state.is_there
    except StoreError:
        stale = True
    if not found.known and not stale:
        return None
    itself = User("", known_items={item_id}, stale=stale)
    question = await recommender.question(itself, options)
    needed = options.offset + options.n
    chosen = await recommender.fill(question, needed, (list_strategy(found.entries, SOURCE),))
    if not chosen:
        chosen = await recommender.fill(question, needed, (popular(memory),))
    return SimilarItems.model_construct(
        item_id=item_id,
        n=options.n,
        offset=options.offset,
        items=recommender.with_titles(chosen[options.offset :], options.offset),
        model_version=found.model_version,
        stale=stale,
    )
