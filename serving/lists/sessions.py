"""Lists for anonymous sessions, made from the items in the request. Nothing is stored."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from algorithms.fold_in import UNKNOWN, fold_in
from algorithms.recency import recency_weights
from serving.lists.ranking_history import Interacted, Ranked, rank_by_blend, ranked_list
from serving.memory.factors import ItemFactors, in_thread_if_large
from serving.memory.model_blend import ModelBlend
from serving.memory.process_memory import ProcessMemory
from serving.question.candidate import User
from serving.redis.store import StoreError

_HOT = 1.0  # the hotness of a session, which is going on now


async def session_user(memory: ProcessMemory, session: Sequence[Interacted], depth: int) -> User:
    """A user whose history is the session (newest first), with the list that it gives, of ``depth`` items."""
    known = {each.item_id for each in session}
    liked = [(each.item_id, each.strength) for each in session if each.strength > 0]
    try:
        model = await memory.store.model()
        factors = await memory.factors.get(model)
        blend = await memory.live_blends.get(model)
    except StoreError:
        return User("", known_items=known, session=(), stale=True)
    user = User(
        "",
        known_items=known,
        model_version=model.version if model else None,
        session=liked,
        stale=not memory.store.state.is_there,
    )
    if factors is None:
        return user

    def rank() -> Ranked:
        if blend is not None:
            return rank_session(blend, session, depth, time.time_ns() // 1_000_000)
        return fold_in_session(factors, session, memory.settings.fold_half_life_items, depth)

    user.fresh_list = await in_thread_if_large(factors, rank)
    user.with_known_items = blend is not None and blend.record.with_known_items
    return user


def rank_session(blend: ModelBlend, session: Sequence[Interacted], depth: int, now_ms: int) -> Ranked:
    """The ``depth`` best items by the blend as it ranks right after an event."""
    return rank_by_blend(blend, _HOT, session, blend.now_ms(now_ms), depth)


def fold_in_session(
    factors: ItemFactors, session: Sequence[Interacted], half_life: float, depth: int
) -> Ranked:
    """The ``depth`` best items by the factors, without the session's; none where nothing in it was liked."""
    oldest_first = session[::-1]
    row = np.array([0, len(oldest_first)])
    places = factors.places([each.item_id for each in oldest_first])
    vector = fold_in(
        factors.matrix,
        row,
        places,
        np.array([each.strength for each in oldest_first]),
        reg_param=factors.reg_param,
        alpha=factors.alpha,
        nonnegative=factors.nonnegative,
        gramian=factors.gramian,
        # A session has no times, so its order is used in their place.
        confidence_weights=recency_weights(row, np.arange(len(places)), half_life_items=half_life),
    )
    if not vector.any():
        return ()
    known = places[places != UNKNOWN].astype(np.int32)
    n = min(depth, len(factors.matrix))
    indexes, scores = factors.lists.best(vector, np.array([0, len(known)]), known, n)
    return ranked_list(factors.model, indexes[0], scores[0])
