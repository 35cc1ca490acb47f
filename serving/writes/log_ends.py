"""Reads the ends of the interactions' topic, so that no request waits for a write that was never made.

The token of a write is not signed, so it may name any offset. The process knows what it has written itself;
for what others have written it asks Kafka, at most once a second for all who wait.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

_log = logging.getLogger(__name__)
SECONDS_BETWEEN = 1.0


class LogEnds:
    """The next offset of each partition, as far as it is known."""

    def __init__(
        self,
        read: Callable[[], Mapping[int, int]],
        reached: Mapping[int, int],
        seconds_between: float = SECONDS_BETWEEN,
    ) -> None:
        """``read`` asks Kafka (in a thread, may raise); ``reached``: partition -> last own offset."""
        self._read = read
        self._reached = reached
        self._seconds_between = seconds_between
        self._ends: Mapping[int, int] = {}
        self._read_at = float("-inf")
        self._next: asyncio.Task[bool] | None = None

    def hold(self, offsets: Mapping[int, int]) -> bool:
        """Whether the log is known to hold these offsets."""
        return all(
            offset < self._ends.get(partition, 0) or offset <= self._reached.get(partition, -1)
            for partition, offset in offsets.items()
        )

    async def are_passed_by(self, offsets: Mapping[int, int]) -> bool:
        """Whether one of the offsets lies beyond the end of the log; False where Kafka does not answer."""
        if self.hold(offsets):
            return False
        # All who come before Kafka is asked share one question.
        if self._next is None:
            self._next = asyncio.create_task(self._look())
        return await asyncio.shield(self._next) and not self.hold(offsets)

    async def _look(self) -> bool:
        await asyncio.sleep(max(0.0, self._read_at + self._seconds_between - time.monotonic()))
        self._next, self._read_at = None, time.monotonic()
        try:
            self._ends = await asyncio.to_thread(self._read)
        except Exception as error:  # any error of the client: the end is not known, so nothing is refused
            _log.info("the end of the log is not known: %s", error)
            return False
        return True
