"""Items whose counts in a shard have changed, while the totals over all shards have not yet.

Workers note these items, and one thread merges them: it reads an item's counts from all shards and writes the
total. If two threads merged an item at once, the older total could remain.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from contracts.settings import StateSettings
from contracts.stored import keyspace
from streaming.state.client import StateClient, chunks
from streaming.state.merged_lists import merge_items


def note_touched(client: StateClient, items: Iterable[str]) -> None:
    """Note items that must be merged; to be called after their shards are written."""
    for chunk in chunks(items):
        client.sadd(keyspace.TOUCHED, *chunk)


def is_unmerged(client: StateClient) -> bool:
    """Whether there are noted items that are not merged yet."""
    return bool(client.exists(keyspace.TOUCHED, keyspace.MERGING))


def merge_touched(client: StateClient, settings: StateSettings) -> int:
    """Merge the noted items, also those that a killed process left unmerged. Returns their number."""
    merged = 0
    while client.exists(keyspace.MERGING) or _set_aside(client):
        items: Any = client.smembers(keyspace.MERGING)
        merge_items(client, [item.decode() for item in items], settings)
        client.delete(keyspace.MERGING)
        merged += len(items)
    return merged


def _set_aside(client: StateClient) -> bool:
    """Move the noted items aside, so that items touched from now on are noted separately."""
    return bool(client.exists(keyspace.TOUCHED) and client.rename(keyspace.TOUCHED, keyspace.MERGING))
