"""Reads of what a user likes at the moment."""

from __future__ import annotations

from collections.abc import Sequence

from contracts.settings import WeightSettings
from contracts.stored import keyspace, records
from contracts.strengths import effective, strength
from serving.question.candidate import User
from serving.redis.store import Store

NEWEST = 20


async def liked_lately(store: Store, user: User, settings: WeightSettings) -> Sequence[tuple[str, float]]:
    """Those of the NEWEST items of a user or session whose strength is above zero, newest first."""
    if user.session is not None:
        return user.session
    if not user.known_count:
        return ()
    recent = keyspace.recent(user.user_id, store.shards)
    (items,) = await store.ask(("ZREVRANGE", recent, 0, NEWEST - 1))
    if not items:
        return ()
    history = keyspace.history(user.user_id, store.shards)
    (found,) = await store.ask(("HMGET", history, *items))
    strengths = [
        (item.decode(), _strength(raw, settings)) for item, raw in zip(items, found, strict=True) if raw
    ]
    return [(item_id, value) for item_id, value in strengths if value > 0]


def _strength(raw: bytes, settings: WeightSettings) -> float:
    entries = effective(records.decode_history(raw))
    return strength(entries, settings.event_weights, settings.rating_strengths)
