"""An item's neighbours by the model; popular items if the model has none.

An item that the model does not know has the neighbours of its provisional factors, from its first users or
its content. One of a large catalogue that has no place among the new items is placed when it is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel

from contracts.catalog import content_of
from serving.answer.recommended_item import RECOMMENDATION_ID, RecommendedItem
from serving.answer.recommender import Recommender
from serving.answer.strategies.batch_list import SOURCE
from serving.answer.strategies.popular import popular
from serving.answer.strategies.strategy import list_strategy
from serving.memory.factors import in_thread_if_large
from serving.memory.process_memory import ProcessMemory
from serving.question.candidate import User
from serving.question.list_options import ListOptions
from serving.redis.reads.item import ItemList, catalogue_entry, new_item_factors, similar_items
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
    """The model's items nearest to one that it does not know, by its provisional factors or its content."""
    model = await memory.store.model()
    raw = await new_item_factors(memory.store, item_id)
    factors = await memory.factors.get(model)
    if factors is None:
        return ()
    vector = np.frombuffer(raw or b"", "<f4").astype(np.float64)
    if factors.content is not None and len(vector) != factors.matrix.shape[1]:
        entry = await catalogue_entry(memory.store, item_id)
        vector = factors.content.place([content_of(entry)])[0].astype(np.float64)
    if len(vector) != factors.matrix.shape[1]:  # of another version, which was promoted in between
        return ()
    return await in_thread_if_large(factors, lambda: factors.nearest(vector, _NEAREST))
