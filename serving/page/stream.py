"""Server-sent events: each second one picture, made once for all open pages, and only while one is open."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from hashlib import blake2b
from typing import Any, NamedTuple

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from serving.http.problems import ProblemError

MAX_CLIENTS = 32
EVERY_SECONDS = 1.0
# Something is sent at least this often, because a proxy closes a connection on which nothing comes.
ALIVE_SECONDS = 15.0
_ALIVE = b": still here\n\n"
FULL = ProblemError(
    503, f"{MAX_CLIENTS} pages are open already; close one, or try again", headers={"Retry-After": "5"}
)
Read = Callable[[], Awaitable[Mapping[str, Any]]]


class Picture(NamedTuple):
    """A picture as it is sent."""

    event_id: str
    message: bytes


def picture_of(found: Mapping[str, Any]) -> Picture:
    """The event of a picture. Its id is the same in every worker: a digest of the text."""
    text = json.dumps(found, separators=(",", ":"))
    event_id = blake2b(text.encode(), digest_size=8).hexdigest()
    return Picture(event_id, f"id: {event_id}\ndata: {text}\n\n".encode())


class Stream:
    """Gives every client the newest picture; a client that reads slowly misses those in between."""

    def __init__(self, read: Read, every_seconds: float = EVERY_SECONDS) -> None:
        self._read = read
        self._every = every_seconds
        self._changed = asyncio.Condition()
        self._now: Picture | None = None
        self._reading: asyncio.Task[None] | None = None
        self.clients = 0

    def answer(self, last_event_id: str | None) -> StreamAnswer:
        """The answer to a further client. Raises ProblemError 503 where there are MAX_CLIENTS."""
        if self.clients >= MAX_CLIENTS:
            raise FULL
        return StreamAnswer(self, last_event_id)

    def join(self) -> None:
        """Count a further client."""
        self.clients += 1
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._keep_reading())

    def leave(self) -> None:
        """Count a client fewer; after the last one has left, nothing is read."""
        self.clients -= 1
        if not self.clients and self._reading is not None:
            self._reading.cancel()
            self._now = None

    async def messages(self, last_event_id: str | None) -> AsyncIterator[bytes]:
        """The events until the client goes, from the newest picture on, unless the client has it already."""
        sent = last_event_id
        yield b"retry: 1000\n\n"
        while True:
            picture = await self._next_after(sent)
            if picture is not None:
                sent = picture.event_id
            yield _ALIVE if picture is None else picture.message

    async def _next_after(self, event_id: str | None) -> Picture | None:
        """The first picture with another id, or None after ALIVE_SECONDS without one."""

        def differs() -> bool:
            return self._now is not None and self._now.event_id != event_id

        with suppress(TimeoutError, asyncio.TimeoutError):
            async with self._changed:
                await asyncio.wait_for(self._changed.wait_for(differs), ALIVE_SECONDS)
            return self._now
        return None

    async def _keep_reading(self) -> None:
        while True:
            found = picture_of(await self._read())
            async with self._changed:
                self._now = found
                self._changed.notify_all()
            await asyncio.sleep(self._every)


class StreamAnswer(StreamingResponse):
    """A client's stream; the client counts from the answer's first byte until the answer ends."""

    def __init__(self, stream: Stream, last_event_id: str | None) -> None:
        self._stream = stream
        super().__init__(
            stream.messages(last_event_id),
            media_type="text/event-stream",
            headers={
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
                "X-Content-Type-Options": "nosniff",
            },
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._stream.join()
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._stream.leave()
