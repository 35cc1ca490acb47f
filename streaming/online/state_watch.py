"""Notices that Redis has lost the state, or went back: it was flushed, or restarted empty or older."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

from contracts.stored import keyspace
from contracts.stored.statuses import StreamingStatus
from streaming.state.applied_offsets import read_applied, write_applied
from streaming.state.client import StateClient
from streaming.state.keys import is_there
from streaming.state.status import write_status

log = logging.getLogger("headwater.online")


class StateWatch:
    """Raises the alarm once a loss, and keeps the place from which new events are applied on."""

    def __init__(self, client: StateClient) -> None:
        self._client = client
        self._is_lost = False
        self.applied: dict[str, int] = {}  # as the last look saw it, or put it back

    def look(self) -> str:
        """Called a few times a second. Returns which partitions went back since then (see `behind`)."""
        applied = read_applied(self._client, keyspace.APPLIED_ONLINE)
        back = behind(self.applied, applied)
        is_lost = not is_there(self._client)
        if is_lost and not self._is_lost:
            log.error("the state in Redis is gone (flushed, or restarted empty): run `headwater rebuild`")
            write_status(self._client, StreamingStatus(state_lost=int(time.time() * 1000)))
        if is_lost and not applied:
            # New events are applied meanwhile; a rebuild goes as far as this says, no further.
            write_applied(self._client, keyspace.APPLIED_ONLINE, self.applied)
        self.applied = applied or self.applied
        self._is_lost = is_lost
        return back


def behind(before: Mapping[str, int], now: Mapping[str, int]) -> str:
    """Which partitions stand before where they stood; empty where none does."""
    back = [source for source, offset in before.items() if now.get(source, 0) < offset]
    return ", ".join(f"{source} from {before[source]} to {now.get(source)}" for source in back)
