"""Anonymous sessions: nothing is stored, their items are folded in at request time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import numpy as np

from algorithms.fold_in import UNKNOWN, fold_in
from algorithms.recency import recency_weights
from algorithms.top_n import top_n
from serving.memory.factors import ItemFactors
from serving.memory.process_memory import ProcessMemory
from serving.question.candidate import User
from serving.redis.ranked_list import RankedList
from serving.redis.store import StoreError

# Beyond this number of numbers a product is worth a thread: it would hold up all other requests.
_MAX_NUMBERS_INLINE = 2_000_000


async def session_user(memory: ProcessMemory, strengths: Mapping[str, float], depth: int) -> User:
    """A user who did only what the session says: item -> strength, newest last. ``depth`` bounds the list."""
    liked = [(item_id, strength) for item_id, strength in strengths.items() if strength > 0][::-1]
    user = User("", known_items=strengths.keys(), session=liked)
    try:
        model = await memory.store.model()
        factors = await memory.factors.get(model)
    except StoreError:
        return User("", known_items=strengths.keys(), session=(), stale=True)
    version = model.version if model else None
    if factors is None:
        return User("", known_items=user.known_items, model_version=version, session=liked)
    half_life = memory.settings.fold_half_life_items
    if factors.matrix.size > _MAX_NUMBERS_INLINE:
        ranked = await asyncio.to_thread(fold_in_session, factors, strengths, half_life, depth)
    else:
        ranked = fold_in_session(factors, strengths, half_life, depth)
    return User("", user.known_items, version, fresh_list=ranked, session=liked)


def fold_in_session(
    factors: ItemFactors, strengths: Mapping[str, float], half_life: float, depth: int
) -> RankedList | tuple[()]:
    """The ``depth`` best items that are not in the session; none where nothing in it was liked."""
    row = np.array([0, len(strengths)])
    places = factors.places(list(strengths))
    vector = fold_in(
        factors.matrix,
        row,
        places,
        np.array(list(strengths.values())),
        reg_param=factors.reg_param,
        alpha=factors.alpha,
        nonnegative=factors.nonnegative,
        gramian=factors.gramian,
        # A session has no times: its order stands for them.
        confidence_weights=recency_weights(row, np.arange(len(places)), half_life_items=half_life),
    )
    if not vector.any():
        return ()
    known = places[places != UNKNOWN].astype(np.int32)
    n = min(depth, len(factors.matrix))
    indexes, scores = top_n(vector, factors.matrix, np.array([0, len(known)]), known, n)
    found = indexes[0] >= 0
    return RankedList(factors.model, (indexes[0][found].tolist(), scores[0][found].tolist()))
