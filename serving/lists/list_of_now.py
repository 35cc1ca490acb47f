"""Ranks a user's list by the present trends, because stored lists go by the trends of an earlier moment.

A stored list has the trends of its user's last event. Who comes back to a news site hours later would get
what rose then. So where trends have a weight, the list is ranked again when it is asked for, by the code that
ranks fresh lists: by the history, as hot as the user is now.
"""

from __future__ import annotations

import time

from algorithms.blending.blend import HALF_LIFE_HOURS
from serving.lists.explanations.shares import Moment, question_ms
from serving.lists.ranking_history import graded_history, rank_by_blend
from serving.memory.factors import in_thread_if_large
from serving.memory.model_blend import ModelBlend
from serving.memory.process_memory import ProcessMemory
from serving.question.candidate import User
from serving.redis.store import StoreError

_STANDS_MS = 100  # so long a fresh list stands as it is: about as long as a reading of the counters
_HOUR_MS = 3_600_000
_DEPTH = 200


async def rank_again(
    memory: ProcessMemory, user: User, needed: int, *, always: bool = False
) -> ModelBlend | None:
    """Give the user the list of now; returns what ranked it, None where the stored list stands.

    ``needed`` items are read of it. ``always``: also where it was made a moment ago, so that it can be
    explained by the same trends.
    """
    if not user.follows_trends or user.stale:
        return None
    moment = moment_now(user)
    if user.fresh_list and moment.read_at_ms - user.fresh_read_at_ms < _STANDS_MS and not always:
        return None
    try:
        model = await memory.store.model()
        if model is None or model.version != user.model_version:
            return None  # an experiment's version
        blend, history = await memory.live_blends.get(model), await graded_history(memory, user.user_id)
    except StoreError:
        return None
    if blend is None or not history:
        return None
    depth = max(_DEPTH, needed)
    asked_ms = question_ms(blend, history, moment)
    ranked = await in_thread_if_large(
        blend.factors, lambda: rank_by_blend(blend, moment.hotness, history, asked_ms, depth)
    )
    if not len(ranked):
        return None
    user.fresh_list, user.hotness, user.fresh_read_at_ms = ranked, moment.hotness, moment.read_at_ms
    return blend


def moment_now(user: User) -> Moment:
    """How hot a user is now: the stored list says how hot it was, and how long ago that is."""
    now_ms = time.time_ns() // 1_000_000
    if not user.fresh_list or not user.hotness:
        return Moment(0.0, now_ms)
    hours = max(0, now_ms - user.fresh_read_at_ms) / _HOUR_MS
    return Moment(user.hotness * 2.0 ** (-hours / HALF_LIFE_HOURS), now_ms)
