"""An item's neighbours by the model; popular items if the model has none.

An item that came after the model has the neighbours of its provisional factors: from its content, or from its
first users.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel

from serving.answer.recommended_item import RECOMMENDATION_ID, RecommendedItem
from serving.answer.recommender import Recommender
from serving.answer.strategies.batch_list import SOURCE
from serving.answer.strategies.popular import popular
from serving.answer.strategies.strategy import list_strategy
from serving.memory.factors import in_thread_if_large
from serving.memory.process_memory import ProcessMemory
from serving.question.candidate import User
from serving.question.list_options import ListOptions
from serving.redis.reads.item import ItemList, new_item_factors, similar_items
from serving.redis.store import StoreError

_NEAREST = 50


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
        if not found.entries:
            near = await _near_new_item(memory, item_id)
            found = found._replace(known=found.known or bool(near), entries=near)
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


async def _near_new_item(memory: ProcessMemory, item_id: str) -> Sequence[tuple[str, float]]:
    """The model's items nearest to the provisional factors of an item that it does not know."""
    raw = await new_item_factors(memory.store, item_id)
    factors = await memory.factors.get(await memory.store.model()) if raw else None
    if raw is None or factors is None:
        return ()
    vector = np.frombuffer(raw, "<f4").astype(np.float64)
    if len(vector) != factors.matrix.shape[1]:  # of another version, which was promoted in between
        return ()
    return await in_thread_if_large(factors, lambda: factors.nearest(vector, _NEAREST))
