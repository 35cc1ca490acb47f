"""Users who asked to be forgotten, seen by a round: whom its data lacks, and whom its lists leave out.

The lake's own query deletes an erased user's rows before it says that it has read the tombstone. So a round
that asks first how far that query has come, and reads the lake then, has learnt nothing of those users.
"""

from __future__ import annotations

import time
from typing import NamedTuple

from contracts import topics
from contracts.stored import keyspace
from training.registry.publish import Publisher

_CLOCKS_MS = 300_000  # what clocks may differ by


class Seen(NamedTuple):
    """How far the erasures had come when a round began."""

    catalog_through: dict[str, int]  # partition of the catalogue's topic -> next offset, applied to the lake
    complete: bool  # whether the lake had all that Redis had
    at: int  # epoch ms


NOTHING_SEEN = Seen({}, True, 0)


def seen(publisher: Publisher) -> Seen:
    """To be asked before the lake is read."""
    at = time.time_ns() // 1_000_000
    online = _of_catalog(publisher.applied(keyspace.APPLIED_ONLINE))
    in_lake = _of_catalog(publisher.applied(keyspace.APPLIED_LAKE))
    complete = all(in_lake.get(partition, 0) >= offset for partition, offset in online.items())
    return Seen(in_lake, complete, at)


def leave_out_erased(publisher: Publisher, version: str, before: Seen) -> int:
    """Empty the lists of those whom the round may have learnt from; how many were erased meanwhile.

    Called when all is written and the pointer has not moved: the online query empties the lists of every
    version for a tombstone that comes later.
    """
    oldest = before.at - _CLOCKS_MS if before.complete else 0
    users = {user for user, until in publisher.erased().items() if until >= oldest}
    if users:
        publisher.empty_lists(version, users)
    return len(users)


def _of_catalog(applied: dict[str, int]) -> dict[str, int]:
    prefix = f"{topics.CATALOG.name}:"
    return {place.removeprefix(prefix): n for place, n in applied.items() if place.startswith(prefix)}
