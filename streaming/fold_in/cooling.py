"""Says when hot lists are made again: the weights that are best right after an event are worse a day later.

A list is made with the weights of its moment (`algorithms.blending.blend.Blend.hotness`) and does not change.
So it is made again 1, 3 and 9 half-lives after the user's last event, if no other event comes. With a
half-life of 8 hours these are 8 hours, a day and three days, with a hotness of 1/2, 1/8 and 0
(docs/decisions/0015-two-horizons.md).
"""

from __future__ import annotations

from collections.abc import Iterator

from algorithms.blending.blend import Blend
from contracts.stored import keyspace
from streaming.state.client import StateClient
from streaming.state.script import lua

_HALF_LIVES = (1, 3, 9)  # after the arrival; at the last one, hotness is below half a step, so it is 0
_CALL_USERS = 1000  # how many users of a shard one call takes
_HOUR_MS = 3_600_000


def next_due(blend: Blend | None, arrived: int, made: int, ttl_seconds: int) -> int:
    """When a list that was ``made`` for a user whose last event ``arrived`` is to be made again (epoch ms).

    0 where it is not made again: it expires before that, it is cold, or its blend has one horizon only.
    """
    if blend is None or blend.hot == blend.cold:
        return 0
    for moment in _moments(blend, arrived):
        if moment > made:
            return moment if moment < made + 1000 * ttl_seconds else 0
    return 0


def queue_cooled(client: StateClient, shards: int, now: int) -> int:
    """Queue the users whose lists are due at ``now`` (epoch ms), by their last activity; returns how many."""
    script = client.register_script(lua(__package__, "queue_cooled.lua"))
    with client.pipeline(transaction=False) as pipeline:
        for shard in range(shards):
            keys = [keyspace.cooling(shard), keyspace.pending(shard), keyspace.active(shard)]
            script(keys=keys, args=[now, _CALL_USERS], client=pipeline)
        return sum(pipeline.execute())


def _moments(blend: Blend, arrived: int) -> Iterator[int]:
    for count in _HALF_LIVES:
        yield arrived + round(count * blend.half_life_hours * _HOUR_MS)
