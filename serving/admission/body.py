"""A request's body: it must arrive in time, takes no slot until then, and is unpacked within a limit."""

from __future__ import annotations

import asyncio
import time
import zlib

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.admission.admission import Admission
from serving.http.problems import ProblemError, problem_response

_GZIP = frozenset({"gzip", "x-gzip"})
_GZIP_WINDOW = 31  # zlib's number for a gzip stream
_CLOSE = {"Connection": "close"}


class BodyInTime:
    """ASGI middleware: the whole body arrives within ``seconds``, or the request is answered with 408."""

    def __init__(self, app: ASGIApp, seconds: float, admission: Admission) -> None:
        self._app = app
        self._seconds = seconds
        self._admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        until, complete = time.monotonic() + self._seconds, False

        async def receive_in_time() -> Message:
            nonlocal complete
            if complete:  # the only message left to come is that the client has left
                return await receive()
            with self._admission.without_slot():
                try:
                    message = await asyncio.wait_for(receive(), max(0.0, until - time.monotonic()))
                except (TimeoutError, asyncio.TimeoutError) as error:
                    detail = f"The body did not arrive within {self._seconds:g} s"
                    raise HTTPException(408, detail, headers=_CLOSE) from error
            complete = message["type"] != "http.request" or not message.get("more_body", False)
            return message

        await self._app(scope, receive_in_time, send)


class UnpackedBody:
    """ASGI middleware: unpacks gzip bodies, with the same limit when unpacked; other encodings get a 415."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        encoding = _encoding(scope)
        if encoding in ("", "identity"):
            await self._app(scope, receive, send)
        elif encoding in _GZIP:
            await self._app(scope, _Unpacking(receive, self._max_bytes), send)
        else:
            detail = "Content-Encoding: only gzip, or none, is read"
            problem = ProblemError(415, detail, headers={"Accept-Encoding": "gzip"})
            await problem_response(problem, scope["path"])(scope, receive, send)


class _Unpacking:
    """Receives the unpacked body as one message; it reads nothing before the route asks for it."""

    def __init__(self, receive: Receive, max_bytes: int) -> None:
        self._receive = receive
        self._max_bytes = max_bytes
        self._done = False

    async def __call__(self) -> Message:
        if self._done:
            return await self._receive()
        packed = bytearray()
        while not self._done:
            message = await self._receive()
            if message["type"] != "http.request":
                return message
            packed += message.get("body", b"")
            self._done = not message.get("more_body", False)
        return {"type": "http.request", "body": unpack(bytes(packed), self._max_bytes), "more_body": False}


def unpack(packed: bytes, max_bytes: int) -> bytes:
    """Unpack a gzip body. Raises HTTPException: 413 above ``max_bytes``, 422 for what is not whole gzip."""
    unpacked = bytearray()
    while packed:
        stream = zlib.decompressobj(_GZIP_WINDOW)
        try:
            unpacked += stream.decompress(packed, max_bytes + 1 - len(unpacked))
        except zlib.error as error:
            raise HTTPException(422, "The body is not gzip, though Content-Encoding says so") from error
        if len(unpacked) > max_bytes:
            raise HTTPException(413, f"The unpacked body is larger than the {max_bytes:,} bytes accepted")
        if not stream.eof:
            raise HTTPException(422, "The gzip body is cut off")
        packed = stream.unused_data  # a gzip file may consist of several members, one after another
    return bytes(unpacked)


def _encoding(scope: Scope) -> str:
    return Headers(scope=scope).get("content-encoding", "").strip().lower() if scope["type"] == "http" else ""
