"""One streaming service at a time on one state: the one that holds the lease in Redis."""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import uuid4

from contracts.stored import keyspace
from streaming.state.client import RedisError, StateClient
from streaming.state.script import lua

# A killed service's lease ends before the JVM of its next start is there.
HELD_SECONDS = 10.0
_KEEP_SECONDS = 2.0
REFUSAL = (
    "another streaming service works on this state (REDIS_URL): two would apply and append the same events. "
    "Stop one of them; this one starts by itself then where a supervisor starts it again"
)


class Lease:
    """Of this process. Guarantee: a second service does not start, and one that was replaced ends.

    While Redis does not answer nobody can tell, so the holder goes on. A service that wakes up after it was
    replaced is stopped where it matters: the applied offsets do not move for an earlier epoch, and the lake
    knows its writer (streaming/lake/writer.py).
    """

    def __init__(self, client: StateClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._client, self._clock = client, clock
        self._holder = str(uuid4())
        self.epoch = 0  # at which it was taken: a later one belongs to another service
        self._next_keep = 0.0

    def take(self, pause: Callable[[float], object]) -> bool:
        """Whether this process holds it now; waits for as long as one that was killed may still seem to.

        ``pause`` waits this number of seconds, and is true where waiting is to end.
        """
        deadline = self._clock() + HELD_SECONDS + 1
        while not self._hold():
            if self._clock() >= deadline or pause(0.5):
                return False
        return True

    def keep(self, now: bool = False) -> bool:
        """Called a few times a second; False once another process holds it, or has held it since."""
        if self._clock() < self._next_keep and not now:
            return True
        self._next_keep = self._clock() + _KEEP_SECONDS
        return self._hold()

    def release(self) -> None:
        """Let the next service start at once."""
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
