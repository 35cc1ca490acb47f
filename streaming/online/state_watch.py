"""Notices that Redis has lost the state or a part of it, or went back to an older state.

That happens when Redis is flushed, restarts empty or with an older state, or evicts keys because it is full,
and when somebody deletes keys.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping

from contracts.redis_memory import RedisMemory
from contracts.stored import keyspace
from contracts.stored.statuses import StreamingStatus
from streaming.state.applied_offsets import read_applied, write_applied
from streaming.state.client import StateClient
from streaming.state.keys import is_being_rebuilt, is_there, take_mark_away
from streaming.state.status import read_status, write_status
from streaming.state.wholeness import Wholeness, redis_memory

log = logging.getLogger("headwater.online")
_PARTS_SECONDS = 2.0  # between two checks whether a part of the state is missing
GONE = "the state in Redis is gone (flushed, or restarted empty): run `headwater rebuild`"


class StateWatch:
    """Logs each loss once, and remembers the offsets from which new events are applied."""

    def __init__(self, client: StateClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._next_check = 0.0  # when to check for missing parts again
        self._wholeness = Wholeness(client)
        self._evicted: int | None = None  # evicted keys at the last look
        self._is_lost = False
        self.applied: dict[str, int] = {}  # the applied offsets that the last look saw or restored

    def look(self) -> str:
        """Look for a loss; to be called a few times a second.

        Returns which partitions went back, as `behind` says it.
        """
        applied = read_applied(self._client, keyspace.APPLIED_ONLINE)
        back = behind(self.applied, applied)
        missing = self._missing_part()
        if missing:
            # Without the mark answers say that they are stale, and the next start rebuilds the state.
            take_mark_away(self._client)
        # A rebuild removes the mark too, while it runs.
        is_lost = not is_there(self._client) and not is_being_rebuilt(self._client)
        if is_lost and not self._is_lost:
            log.error("%s", missing or GONE)
            write_status(self._client, StreamingStatus(state_lost=int(time.time() * 1000)))
        if is_lost and not applied:
            # New events are applied meanwhile; a rebuild ends at these offsets.
            write_applied(self._client, keyspace.APPLIED_ONLINE, self.applied)
        self.applied = applied or self.applied
        self._is_lost = is_lost
        return back

    def _missing_part(self) -> str:
        """Which part of the state is missing, as a sentence with the cure; empty if none seems missing."""
        if self._clock() < self._next_check:
            return ""
        self._next_check = self._clock() + _PARTS_SECONDS
        memory = redis_memory(self._client)
        evicted = self._count_evicted(memory)
        if self._is_lost or not is_there(self._client):
            return ""  # already logged
        if evicted and memory.may_evict_state:
            return (
                f"Redis deleted {evicted} keys because it was full (maxmemory-policy {memory.policy}): set "
                "noeviction and more memory, then run `headwater rebuild`"
            )
        if lone := self._wholeness.count_lone():
            return (
                f"a part of the state in Redis is gone ({lone} of the keys just looked at lack what belongs "
                "to them; were keys evicted or deleted?): run `headwater rebuild`"
            )
        return ""

    def _count_evicted(self, memory: RedisMemory) -> int:
        """How many keys Redis has evicted since the last look, which an earlier process may have taken."""
        before = self._evicted if self._evicted is not None else read_status(self._client).evicted_keys
        self._evicted = memory.evicted_keys
        if memory.evicted_keys != before:
            write_status(self._client, StreamingStatus(evicted_keys=memory.evicted_keys))
        return max(0, memory.evicted_keys - before) if before is not None else 0


def behind(before: Mapping[str, int], now: Mapping[str, int]) -> str:
    """Which partitions have a lower applied offset than before, as text; empty if none has."""
    back = [source for source, offset in before.items() if now.get(source, 0) < offset]
    return ", ".join(f"{source} from {before[source]} to {now.get(source)}" for source in back)
