"""Reads for many requests in few round trips: commands that arrive during a batch form the next one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

Command = tuple[str | bytes | int | float, ...]
Reply = Any  # what RESP3 gives: bytes, int, float, None, list, dict; or the exception of one failed command
RoundTrip = Callable[[Sequence[Command]], Awaitable[list[Reply]]]
# One batch is under way while answers are built from the other. A third would only make all of them smaller.
MAX_IN_FLIGHT = 2
MAX_COMMANDS = 2000


@dataclass(eq=False)
class _Request:
    commands: Sequence[Command]
    replies: asyncio.Future[list[Reply]]


class Batches:
    """Batches of reads. A command that several requests have in one batch is sent once."""

    def __init__(self, round_trip: RoundTrip, seconds: float) -> None:
        self._round_trip = round_trip
        self._seconds = seconds
        self._expiring: deque[tuple[float, asyncio.Future[list[Reply]]]] = deque()
        self._waiting: list[_Request] = []
        self._running: set[asyncio.Task[None]] = set()
        self._scheduled = False

    def ask(self, commands: Sequence[Command]) -> asyncio.Future[list[Reply]]:
        """The replies, in order, as a future that may be cancelled.

        It raises the error of the round trip or of a command. It raises TimeoutError after ``seconds``, in
        which the wait for a batch is included.
        """
        loop = asyncio.get_running_loop()
        request = _Request(commands, loop.create_future())
        self._waiting.append(request)
        # One timer for all requests: one for each would take a tenth of the time of an answer.
        if not self._expiring:
            loop.call_later(self._seconds, self._expire)
        self._expiring.append((loop.time() + self._seconds, request.replies))
        self._schedule()
        return request.replies

    def _expire(self) -> None:
        loop = asyncio.get_running_loop()
        while self._expiring:
            deadline, replies = self._expiring[0]
            if not replies.done():
                if deadline > loop.time():
                    loop.call_at(deadline, self._expire)
                    return
                replies.set_exception(asyncio.TimeoutError())
            self._expiring.popleft()

    def _schedule(self) -> None:
        if self._waiting and not self._scheduled and len(self._running) < MAX_IN_FLIGHT:
            self._scheduled = True
            # All tasks that are ready in this turn of the event loop ask before the batch is sent.
            asyncio.get_running_loop().call_soon(self._start)

    def _start(self) -> None:
        self._scheduled = False
        batch, size = [], 0
        waiting = iter(self._waiting)
        for request in waiting:
            if not request.replies.done():
                batch.append(request)
                size += len(request.commands)
            if size >= MAX_COMMANDS:
                break
        self._waiting = list(waiting)
        if batch:
            task = asyncio.create_task(self._run(batch))
            self._running.add(task)
            task.add_done_callback(self._on_end)
        self._schedule()

    def _on_end(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._schedule()

    async def _run(self, batch: Sequence[_Request]) -> None:
        places: dict[Command, int] = {}
        for request in batch:
            for command in request.commands:
                places.setdefault(command, len(places))
        try:
            all_replies = await self._round_trip(list(places))
        except Exception as error:
            for request in batch:
                if not request.replies.done():
                    request.replies.set_exception(error)
            return
        for request in batch:
            if not request.replies.done():
                _settle(request.replies, [all_replies[places[command]] for command in request.commands])


def _settle(future: asyncio.Future[list[Reply]], replies: list[Reply]) -> None:
    errors = [reply for reply in replies if isinstance(reply, Exception)]
    if errors:
        future.set_exception(errors[0])
    else:
        future.set_result(replies)
