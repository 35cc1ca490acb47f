"""Notices that Redis has lost the state: it was flushed, or restarted empty."""

from __future__ import annotations

import logging
import time

from contracts import keyspace
from streaming import redis_sink
from streaming.redis_sink import StateClient
from streaming.state_keys import is_there

log = logging.getLogger("headwater.online")


class StateWatch:
    """Raises the alarm once a loss, and keeps the place from which new events are applied on."""

    def __init__(self, client: StateClient) -> None:
        self._client = client
        self._is_lost = False
        self._applied: dict[str, int] = {}

    def look(self) -> bool:
        """Called some times a second. Whether the applied offsets were lost: they are put back."""
        applied = redis_sink.read_applied(self._client, keyspace.APPLIED_ONLINE)
        is_lost = not is_there(self._client)
        if is_lost and not self._is_lost:
            log.error("the state in Redis is gone (flushed, or restarted empty): run `headwater rebuild`")
            redis_sink.write_status(self._client, {"state_lost": str(int(time.time() * 1000))})
        put_back = is_lost and not applied and bool(self._applied)
        if put_back:
            # New events are applied meanwhile; a rebuild goes as far as this says, no further.
            redis_sink.write_applied(self._client, keyspace.APPLIED_ONLINE, self._applied)
        self._applied = applied or self._applied
        self._is_lost = is_lost
        return put_back
