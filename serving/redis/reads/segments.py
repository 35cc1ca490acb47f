"""Reads of the lists of a user's segments."""

from __future__ import annotations

from collections.abc import Sequence

from contracts.stored import keyspace, records
from contracts.stored.segments import segments_of
from serving.redis.ranked_list import ranked_list
from serving.redis.store import Store


async def segment_lists(
    store: Store, user_id: str, names: Sequence[str]
) -> list[Sequence[tuple[str, float]]]:
    """The model's lists of the user's segments, the narrowest first; segments without a list are left out.

    Takes two round trips, or one if the catalogue does not know the user.
    """
    (raw,) = await store.ask(("HGET", keyspace.CATALOG_USERS, user_id))
    entry = records.decode_catalog(raw) if raw else {}
    attributes = entry.get("attributes") or {}
    segments = segments_of(attributes, names) if isinstance(attributes, dict) else []
    if not segments:
        return []
    model, (found,), _ = await store.at_model(
        lambda version: (("HMGET", keyspace.segment_lists(version), *segments),)
    )
    return [ranked_list(model, each) for each in found or () if each]
