"""Explaining a list: which items of the history made each item, with shares that add up to its score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from algorithms.explanation import contributions
from algorithms.fold_in import UNKNOWN
from algorithms.recency import recency_weights
from serving.answer.recommended_item import Explanation, RecommendedItem, Share
from serving.lists.ranking_history import Interacted, graded_history
from serving.memory.factors import ItemFactors
from serving.memory.process_memory import ProcessMemory
from serving.redis.store import StoreError

SHOWN = 5


async def explain(memory: ProcessMemory, user_id: str, items: Sequence[RecommendedItem]) -> None:
    """Give each item its ``because``; None where the model cannot tell: unknown, nonnegative, no factors."""
    for item in items:
        item["because"] = None
    try:
        factors = await memory.factors.get(await memory.store.model())
        graded = await graded_history(memory, user_id)
    except StoreError:
        return
    if factors is None or factors.nonnegative:
        return
    for item, because in zip(items, _explanations(memory, factors, graded, items), strict=True):
        item["because"] = because


def _explanations(
    memory: ProcessMemory,
    factors: ItemFactors,
    graded: Sequence[Interacted],
    items: Sequence[RecommendedItem],
) -> list[Explanation | None]:
    known = factors.places([each.item_id for each in graded]) != UNKNOWN
    graded = [each for each, is_known in zip(graded, known, strict=True) if is_known]
    targets = [item["item_id"] for item in items]
    times = np.array([each.time_ms for each in graded], np.int64)
    weights = recency_weights(
        np.array([0, len(times)]),
        times,
        half_life_items=memory.settings.fold_half_life_items,
        half_life_days=memory.settings.fold_half_life_days,
    )
    shares = contributions(
        factors.vectors([each.item_id for each in graded]),
        np.array([each.strength for each in graded]),
        factors.vectors(targets),
        gramian=factors.gramian,
        reg_param=factors.reg_param,
        alpha=factors.alpha,
        confidence_weights=weights,
    )
    in_model = factors.places(targets) != UNKNOWN
    return [
        _explanation(memory, graded, row) if explained else None
        for row, explained in zip(shares, in_model, strict=True)
    ]


def _explanation(memory: ProcessMemory, graded: Sequence[Interacted], shares: Sequence[float]) -> Explanation:
    largest = sorted(range(len(graded)), key=lambda at: -abs(shares[at]))[:SHOWN]
    shown = [
        Share(
            item_id=graded[at].item_id,
            title=memory.catalogue.get(graded[at].item_id).title,
            share=round(float(shares[at]), 6),
        )
        for at in largest
        if shares[at]
    ]
    score = round(float(sum(shares)), 6)
    rest = round(score - sum(share["share"] for share in shown), 6)
    return Explanation(score=score, items=shown, rest=rest)
