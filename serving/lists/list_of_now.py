"""Ranks a user's list when it is asked for, where a stored list would be one of an earlier moment.

A stored list goes by the trends at its user's last event. A user who comes back to a news site hours later
would get what was trending then. So where trends have a weight, the list is ranked again when it is asked
for, by the code that ranks fresh lists: by the user's history, and as hot as the user is now.

So is a list of a round that was hot when its model was made, hours ago, and that no fresh list has replaced.
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

_STANDS_MS = 100  # a fresh list younger than this is not ranked again: trends are not read more often
_HOUR_MS = 3_600_000
_DEPTH = 200


async def rank_again(
    memory: ProcessMemory, user: User, needed: int, *, always: bool = False
) -> ModelBlend | None:
    """Replace the user's fresh list by one ranked now. Returns the blend that ranked it, None if none did.

    The caller reads ``needed`` items of the list. ``always``: replace also a list that was made a moment ago,
    so that the list is explained by the same trends.
    """
    moment = moment_now(user)
    if user.stale or not (user.follows_trends or _has_cooled(user, moment)):
        return None
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
    """How hot the user is now, from the hotness and the age of the user's fresh list, else of the round's."""
    now_ms = time.time_ns() // 1_000_000
    is_fresh = bool(user.fresh_list)
    hotness = (user.hotness or 0.0) if is_fresh else user.batch_hotness
    made_ms = user.fresh_read_at_ms if is_fresh else user.model_made_ms
    hours = max(0, now_ms - made_ms) / _HOUR_MS
    return Moment(hotness * 2.0 ** (-hours / HALF_LIFE_HOURS), now_ms)


def _has_cooled(user: User, moment: Moment) -> bool:
    """Whether the best list is a round's, whose user is at most half as hot by now."""
    return not user.fresh_list and 2 * moment.hotness <= user.batch_hotness > 0
