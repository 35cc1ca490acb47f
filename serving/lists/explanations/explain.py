"""Explains a list: which items of the history and which signals made each item's score, with their shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from serving.answer.recommended_item import Explanation, RecommendedItem, Share
from serving.lists.explanations.reasons import reason_of
from serving.lists.explanations.shares import Moment, Shares, shares_by_blend, shares_by_factors
from serving.lists.ranking_history import Interacted, graded_history
from serving.memory.factors import ItemFactors, in_thread_if_large
from serving.memory.model_blend import ModelBlend
from serving.memory.process_memory import ProcessMemory
from serving.question.candidate import BATCH, User
from serving.redis.store import StoreError

SHOWN = 5
# A reason says "you just …" of these newest items, within the first hours after an event.
_JUST_ITEMS, _JUST_HOTNESS = 3, 0.5


class Reader(NamedTuple):
    """Who a list is for, the history that ranks it, and when it was made.

    ``moment`` is None where the factors alone made the list. ``blend`` is the blend that ranked it, where
    the caller still has it, because trends may have moved since.
    """

    user: User
    history: Sequence[Interacted]
    moment: Moment | None
    blend: ModelBlend | None = None


async def explain(
    memory: ProcessMemory, user: User, items: Sequence[RecommendedItem], ranked_by: ModelBlend | None = None
) -> None:
    """Give each item its ``because``; None where the model does not know the item or has no factors.

    An item is explained by what made its list: by the blend with the hotness of that time, or by the factors
    alone (of which nonnegative ones cannot be explained). Items of other sources are explained by what made
    the user's best list. ``ranked_by`` is the blend that ranked the best list for this answer.
    """
    for item in items:
        item["because"] = None
    try:
        history = await graded_history(memory, user.user_id)
    except StoreError:
        return
    for moment, group in _by_moment(user, items).items():
        ids = [item["item_id"] for item in group]
        blend = None if moment is not None and moment.in_round else ranked_by
        found = await explanations(memory, Reader(user, history, moment, blend), ids)
        for item, because in zip(group, found, strict=True):
            item["because"] = because


async def explanations(
    memory: ProcessMemory, reader: Reader, item_ids: Sequence[str]
) -> list[Explanation | None]:
    """Why the reader's list has these items; None as in `explain`, and where Redis does not answer."""
    nothing: list[Explanation | None] = [None] * len(item_ids)
    if reader.user.stale:
        return nothing
    try:
        model = await memory.store.model()
        factors = await memory.factors.get(model)
        if factors is None:
            return nothing
        # Lists made in a round go by the trends of that round.
        of_round = reader.moment is not None and reader.moment.in_round
        blends = memory.blends if of_round else memory.live_blends
        blend = reader.blend or await blends.get(model)
        shares = await in_thread_if_large(factors, _shares_of(memory, factors, blend, reader, item_ids))
        await memory.catalogue.load(_shown_items(reader.history, shares))
    except StoreError:
        return nothing
    known = {each.item_id: each for each in reader.history}
    return [
        None if each is None else _explanation(memory, reader, each, known.get(item_id))
        for item_id, each in zip(item_ids, shares, strict=True)
    ]


def best_moment(user: User) -> Moment | None:
    """When a user's best list was made; None where the factors alone made it."""
    if not user.fresh_list:
        return _moment_of_round(user)
    return None if user.hotness is None else Moment(user.hotness, user.fresh_read_at_ms)


def _by_moment(user: User, items: Sequence[RecommendedItem]) -> dict[Moment | None, list[RecommendedItem]]:
    best = best_moment(user)
    groups: dict[Moment | None, list[RecommendedItem]] = {}
    for item in items:
        groups.setdefault(_moment_of_round(user) if item["source"] == BATCH else best, []).append(item)
    return groups


def _moment_of_round(user: User) -> Moment:
    return Moment(user.batch_hotness, 0, in_round=True)


def _shares_of(
    memory: ProcessMemory,
    factors: ItemFactors,
    blend: ModelBlend | None,
    reader: Reader,
    targets: Sequence[str],
) -> Callable[[], list[Shares | None]]:
    history, moment = reader.history, reader.moment
    if blend is not None and moment is not None:
        return lambda: shares_by_blend(blend, history, moment, targets)
    if factors.nonnegative:
        return lambda: [None] * len(targets)
    return lambda: shares_by_factors(memory.settings, factors, history, targets)


def _largest(shares: Shares) -> list[int]:
    entries = shares.entries
    largest = np.argsort(-np.abs(entries), kind="stable")[:SHOWN]
    return [place for place in largest.tolist() if entries[place]]


def _shown_items(history: Sequence[Interacted], shares: Sequence[Shares | None]) -> set[str]:
    return {history[place].item_id for each in shares if each is not None for place in _largest(each)}


def _explanation(
    memory: ProcessMemory, reader: Reader, shares: Shares, known: Interacted | None
) -> Explanation:
    history, moment = reader.history, reader.moment
    is_hot = moment is not None and moment.hotness > _JUST_HOTNESS

    def just_did(place: int) -> str | None:
        return history[place].event_type if is_hot and place < _JUST_ITEMS else None

    def title_of(place: int) -> str | None:
        return memory.catalogue.get(history[place].item_id).title

    entries = shares.entries
    shown = [
        Share(item_id=history[at].item_id, title=title_of(at), share=round(float(entries[at]), 6))
        for at in _largest(shares)
    ]
    score = round(shares.score, 6)
    return Explanation(
        score=score,
        items=shown,
        rest=round(score - sum(share["share"] for share in shown), 6),
        signals={family: round(share, 6) for family, share in shares.by_family.items()},
        reason=reason_of(shares, lambda place: title_of(place) or history[place].item_id, known, just_did),
    )
