"""Items whose shards say more than the lists of all users together: noted by the workers, merged by one.

The lists are absolute values read from the shards, so two who merged one item at once could leave the older.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from contracts.settings import StateSettings
from contracts.stored import keyspace
from streaming.state.client import StateClient, chunks
from streaming.state.merged_lists import merge_items


def note_touched(client: StateClient, items: Iterable[str]) -> None:
    """Let items be merged. Called after their shards are written."""
    for chunk in chunks(items):
        client.sadd(keyspace.TOUCHED, *chunk)


def is_unmerged(client: StateClient) -> bool:
    """Whether the lists lack something that was noted."""
    return bool(client.exists(keyspace.TOUCHED, keyspace.MERGING))


def merge_touched(client: StateClient, settings: StateSettings) -> int:
    """Merge what was noted, and what one that was killed has left. Returns how many items."""
    merged = 0
    while client.exists(keyspace.MERGING) or _set_aside(client):
        items: Any = client.smembers(keyspace.MERGING)
        merge_items(client, [item.decode() for item in items], settings)
        client.delete(keyspace.MERGING)
        merged += len(items)
    return merged


def _set_aside(client: StateClient) -> bool:
    """Set aside what is noted, so that what is touched from now on is noted separately."""
    return bool(client.exists(keyspace.TOUCHED) and client.rename(keyspace.TOUCHED, keyspace.MERGING))
