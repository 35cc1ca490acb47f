"""Read your writes: waiting until the online query has applied an event and folded its user in."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from serving.redis.reads.progress import Progress, progress
from serving.redis.store import Store, StoreError
from serving.writes.log_ends import LogEnds

POLL_SECONDS = 0.02


class NeverWrittenError(Exception):
    """A token that names a write beyond the end of the log, which nobody made."""


@dataclass(eq=False)
class _Waiter:
    user_id: str
    offsets: Mapping[int, int]
    until: float  # the loop's time
    applied: asyncio.Future[bool] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def answer(self, applied: bool) -> None:
        if not self.applied.done():
            self.applied.set_result(applied)

    def refuse(self) -> None:
        if not self.applied.done():
            self.applied.set_exception(NeverWrittenError("it lies beyond the end of the log"))

    def is_satisfied(self, now: Progress) -> bool:
        if self.user_id in now.pending:
            return False
        return all(now.next_offsets.get(p, 0) > offset for p, offset in self.offsets.items())


class AppliedWrites:
    """Polls the applied offsets for all requests that wait, and not at all while none does."""

    def __init__(self, store: Store, log_ends: LogEnds, most: int) -> None:
        """At most ``most`` requests wait; further ones get the answer "not applied" at once."""
        self._store = store
        self._log_ends = log_ends
        self._most = most
        self._waiting: set[_Waiter] = set()
        self._poll: asyncio.Task[None] | None = None

    async def wait(self, user_id: str, offsets: Mapping[int, int], seconds: float) -> bool:
        """Whether each partition's offset is applied and the user does not wait to be folded in.

        Waits at most ``seconds``; False at once when Redis does not answer, or too many wait. Raises
        NeverWrittenError for offsets beyond the end of the log.
        """
        if len(self._waiting) >= self._most:
            return False
        waiter = _Waiter(user_id, offsets, asyncio.get_running_loop().time() + seconds)
        self._waiting.add(waiter)
        if self._poll is None or self._poll.done():
            self._poll = asyncio.create_task(self._run())
        checking = None if self._log_ends.hold(offsets) else asyncio.create_task(self._check(waiter))
        try:
            return await waiter.applied  # the poll answers every waiter in time
        finally:
            self._waiting.discard(waiter)
            if checking is not None:
                checking.cancel()

    async def _check(self, waiter: _Waiter) -> None:
        """Refuse a waiter whose write was never made. It runs beside the poll, which does not ask Kafka."""
        if await self._log_ends.are_passed_by(waiter.offsets):
            waiter.refuse()

    def close(self) -> None:
        """Stop polling."""
        if self._poll is not None:
            self._poll.cancel()

    async def _run(self) -> None:
        try:
            while waiting := list(self._waiting):
                await self._look(waiting)
                await asyncio.sleep(POLL_SECONDS)
        finally:
            for each in self._waiting:
                each.answer(False)

    async def _look(self, waiting: Sequence[_Waiter]) -> None:
        """Answer those whose write is applied and, after at least one look, those whose time is over."""
        try:
            now = await progress(self._store, [each.user_id for each in waiting])
        except StoreError:
            now = None
        moment = asyncio.get_running_loop().time()
        for each in waiting:
            if now is not None and each.is_satisfied(now):
                each.answer(True)
            elif now is None or moment >= each.until:
                each.answer(False)
