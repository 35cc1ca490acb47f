"""Reads of how far the online query has come."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import NamedTuple

from contracts.stored import keyspace
from contracts.topics import interaction_offsets
from serving.redis.store import Store


class Progress(NamedTuple):
    """What is applied, and who waits to be folded in."""

    next_offsets: dict[int, int]  # partition of `interactions` -> next offset to apply
    pending: Set[str]  # those of the users who wait; empty while there is no model


async def progress(store: Store, user_ids: Sequence[str]) -> Progress:
    """The applied offsets, and which of the users still wait, in one round trip."""
    applied, has_model, *waiting = await store.ask(
        ("HGETALL", keyspace.APPLIED_ONLINE),
        ("EXISTS", keyspace.CURRENT_MODEL),
        *(
            ("ZSCORE", keyspace.pending(keyspace.shard_of(user_id, store.shards)), user_id)
            for user_id in user_ids
        ),
    )
    offsets = interaction_offsets({source.decode(): int(offset) for source, offset in applied.items()})
    pending = {user for user, since in zip(user_ids, waiting, strict=True) if since is not None}
    return Progress(offsets, pending if has_model else frozenset())
