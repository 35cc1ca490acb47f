"""A lease in Redis, so that only one streaming service at a time works on a state."""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import uuid4

from contracts.stored import keyspace
from streaming.state.client import RedisError, StateClient
from streaming.state.script import lua

# Shorter than the start of Spark, so that the lease of a killed service has expired at its next start.
HELD_SECONDS = 6.0
_KEEP_SECONDS = 1.0
_POLL_SECONDS = 0.1
REFUSAL = (
    "another streaming service works on this state (REDIS_URL): two would apply and append the same events. "
    "Stop one of them; this one starts by itself then where a supervisor starts it again"
)


class Lease:
    """This process's lease. Guarantee: a second service does not start, and one that was replaced ends.

    While Redis does not answer, the holder cannot know whether it was replaced, and goes on. A service that
    wakes up after it was replaced can do no harm: the applied offsets do not move for an earlier epoch, and
    the lake knows its writer (streaming/lake/writer.py).
    """

    def __init__(self, client: StateClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._client, self._clock = client, clock
        self._holder = str(uuid4())
        self.epoch = 0  # each service that takes the lease gets the next number; 0: not taken yet
        self._next_keep = 0.0

    def take(self, pause: Callable[[float], object]) -> bool:
        """Take the lease; waits until that of a killed service has expired. Returns whether this process
        holds it.

        ``pause`` waits a number of seconds and returns True to end the waiting.
        """
        deadline = self._clock() + HELD_SECONDS + 1
        while not self._hold():
            if self._clock() >= deadline or pause(_POLL_SECONDS):
                return False
        return True

    def keep(self, now: bool = False) -> bool:
        """Extend the lease; to be called a few times a second. False once another process holds it or held
        it."""
        if self._clock() < self._next_keep and not now:
            return True
        self._next_keep = self._clock() + _KEEP_SECONDS
        return self._hold()

    def release(self) -> None:
        """Give the lease back, so that the next service can start at once."""
        try:
            if self._client.get(keyspace.STREAMING_LEASE) == self._holder.encode():
                self._client.delete(keyspace.STREAMING_LEASE)
        except RedisError:
            return

    def _hold(self) -> bool:
        script = self._client.register_script(lua(__package__, "hold_lease.lua"))
        try:
            epoch = script(
                keys=[keyspace.STREAMING_LEASE, keyspace.STREAMING_EPOCH],
                args=[self._holder, round(1000 * HELD_SECONDS), self.epoch],
            )
        except RedisError:
            return True
        self.epoch = int(epoch) or self.epoch
        return bool(epoch)
