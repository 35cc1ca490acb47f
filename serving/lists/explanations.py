"""Explaining a list: which items of the history made each item, with shares that add up to its score."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from algorithms.explanation import contributions
from algorithms.fold_in import UNKNOWN
from algorithms.recency import recency_weights
from contracts.strengths import strength
from serving.answer.recommended_item import Explanation, RecommendedItem, Share
from serving.memory.factors import ItemFactors
from serving.memory.process_memory import ProcessMemory
from serving.redis.reads.user import history
from serving.redis.store import StoreError

SHOWN = 5
Graded = list[tuple[str, float, int]]  # item, strength, time in ms


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


async def graded_history(memory: ProcessMemory, user_id: str) -> Graded:
    """What a fold-in reads: the newest HISTORY_CAP items with the strength of all that still counts."""
    settings = memory.settings
    entries = sorted(await history(memory.store, user_id), key=lambda each: each.item_id)
    by_item = [
        (item_id, [e.entry for e in group]) for item_id, group in groupby(entries, lambda e: e.item_id)
    ]
    graded = [
        (
            item_id,
            strength(item_entries, settings.event_weights, settings.rating_strengths),
            max(entry.event_time for entry in item_entries),
        )
        for item_id, item_entries in by_item
    ]
    graded.sort(key=lambda each: -each[2])
    return graded[: settings.history_cap]


def _explanations(
    memory: ProcessMemory, factors: ItemFactors, graded: Graded, items: Sequence[RecommendedItem]
) -> list[Explanation | None]:
    known = factors.places([item_id for item_id, _, _ in graded]) != UNKNOWN
    graded = [each for each, is_known in zip(graded, known, strict=True) if is_known]
    targets = [item["item_id"] for item in items]
    times = np.array([moment for _, _, moment in graded], np.int64)
    weights = recency_weights(
        np.array([0, len(times)]),
        times,
        half_life_items=memory.settings.fold_half_life_items,
        half_life_days=memory.settings.fold_half_life_days,
    )
    shares = contributions(
        factors.vectors([item_id for item_id, _, _ in graded]),
        np.array([worth for _, worth, _ in graded]),
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


def _explanation(memory: ProcessMemory, graded: Graded, shares: Sequence[float]) -> Explanation:
    largest = sorted(range(len(graded)), key=lambda at: -abs(shares[at]))[:SHOWN]
    shown = [
        Share(
            item_id=graded[at][0],
            title=memory.catalogue.get(graded[at][0]).title,
            share=round(float(shares[at]), 6),
        )
        for at in largest
        if shares[at]
    ]
    score = round(float(sum(shares)), 6)
    rest = round(score - sum(share["share"] for share in shown), 6)
    return Explanation(score=score, items=shown, rest=rest)
