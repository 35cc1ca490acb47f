"""Empties a new version's lists of users who asked to be forgotten while its round was at work.

The lake query deletes an erased user's rows before it reports that it has read the tombstone. So a round that
first asks how far that query has come, and then reads the lake, is not trained on users erased until then.
"""

from __future__ import annotations

import time
from typing import NamedTuple

from contracts import topics
from contracts.stored import keyspace
from training.registry.publish import Publisher

_CLOCKS_MS = 300_000  # how far clocks may differ


class ErasureProgress(NamedTuple):
    """How far the erasures had come when a round began."""

    catalog_through: dict[str, int]  # partition of the catalogue's topic -> next offset, applied to the lake
    complete: bool  # whether the lake had applied all erasures that Redis had
    at: int  # epoch ms


def read_progress(publisher: Publisher) -> ErasureProgress:
    """How far erasures have come; must be called before the lake is read."""
    at = time.time_ns() // 1_000_000
    online = _catalog_offsets(publisher.applied_offsets(keyspace.APPLIED_ONLINE))
    in_lake = _catalog_offsets(publisher.applied_offsets(keyspace.APPLIED_LAKE))
    complete = all(in_lake.get(partition, 0) >= offset for partition, offset in online.items())
    return ErasureProgress(in_lake, complete, at)


def leave_out_erased(publisher: Publisher, version: str, before: ErasureProgress) -> int:
    """Empty the lists of erased users on whom the round may have been trained; returns how many there were.

    To be called after all lists are written and before the pointer moves. For a tombstone that comes later,
    the online query empties the lists of every version.
    """
    oldest = before.at - _CLOCKS_MS if before.complete else 0
    users = {user for user, until in publisher.erased_users().items() if until >= oldest}
    if users:
        publisher.empty_lists(version, users)
    return len(users)


def _catalog_offsets(applied: dict[str, int]) -> dict[str, int]:
    return {str(number): n for number, n in topics.offsets_of(topics.CATALOG, applied).items()}
