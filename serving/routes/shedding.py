"""Refuses GET requests before they are parsed, while as many requests are running as are allowed.

A refusal by the framework costs parsing, a task and a response, and so slows other requests down.
``Admission`` decides about all other requests.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from serving.admission.admission import BUSY
from serving.http.paths import ALWAYS_TAKEN, PAGE_STREAM
from serving.http.problems import problem_body
from serving.routes.hot_route import Api

_MAX_BYTES = 8192
_TAKEN = tuple(f"GET {path}".encode() for path in sorted(ALWAYS_TAKEN))
# The problem names no instance, because the path is not read.
_BODY = json.dumps(problem_body(BUSY, "/")).encode()
BUSY_ANSWER = b"\r\n".join(
    (
        b"HTTP/1.1 503 Service Unavailable",
        b"content-type: application/problem+json",
        b"content-length: %d" % len(_BODY),
        b"retry-after: 1",
        b"x-content-type-options: nosniff",
        b"",
        _BODY,
    )
)


class Shedding(HttpToolsProtocol):
    """uvicorn's protocol (its setting ``http``), for an app of the type ``Api``."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        api = cast(Api, self.app)
        assert api.admission is not None
        self._admission, self._count_refused = api.admission, api.count_refused[503]
        self._head_seconds = api.head_seconds
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give a client that connects a bounded time to send the head of a request."""
        super().connection_made(transport)
        self._await_head()

    def on_message_begin(self) -> None:
        """When a request begins, give its head a bounded time."""
        super().on_message_begin()
        self._await_head()

    def on_headers_complete(self) -> None:
        """When the head is complete, stop its timer."""
        self._stop_head_timer()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """When the client is gone, stop the timer."""
        self._stop_head_timer()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self._head_seconds, self._close_slow)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _close_slow(self) -> None:
        self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Refuse here, or let uvicorn parse the request."""
        at_work = len(self.tasks) - self._admission.reading
        if at_work < self._admission.max_at_once or not self._may_answer(data):
            super().data_received(data)
        else:
            self._count_refused()
            self._stop_head_timer()
            self.transport.write(BUSY_ANSWER)
            # From now on the connection is idle, as it is after any answer.
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def shutdown(self) -> None:
        """Let an answer end when the server stops, except the page's stream, which has no end."""
        if self.scope is not None and self.scope["path"] == PAGE_STREAM:
            self.transport.close()
        super().shutdown()

    def _may_answer(self, data: bytes) -> bool:
        # While writing is paused, nothing is refused here: refusals would pile up for a client that does not
        # read its answers.
        return self._is_between_requests() and not self.flow.write_paused and is_plain_get(data)

    def _is_between_requests(self) -> bool:
        """Whether the next byte begins a request, and the one before is answered."""
        last: RequestResponseCycle | None = self.cycle
        if last is None:
            return self.scope is None  # made with a request's first byte
        return last.response_complete and not last.more_body and last.scope is self.scope


def is_plain_get(data: bytes) -> bool:
    """Whether the bytes are one whole GET, not a probe's, on a connection that stays open."""
    if not data.startswith(b"GET /") or not data.endswith(b"\r\n\r\n") or len(data) > _MAX_BYTES:
        return False
    head = data.lower()
    return (
        head.count(b"\r\n\r\n") == 1
        and b" http/1.1\r\n" in head
        and not any(name in head for name in (b"\r\ncontent-length", b"\r\ntransfer-encoding", b": close"))
        and not data.startswith(_TAKEN)
    )
