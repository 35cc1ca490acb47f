"""Refuses a body beyond the limit, whether its length is declared or not."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.http.problems import ProblemError, problem_response


class BodyLimit:
    """Starlette's limit. A declared length is checked here, because Starlette would answer in plain text."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._limited = RequestBodyLimitMiddleware(app, max_bytes)
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        declared = Headers(scope=scope).get("content-length", "") if scope["type"] == "http" else ""
        # The text is cut, because Python refuses to read thousands of digits as a number.
        if declared.isdecimal() and int(declared[:18]) > self._max_bytes:
            problem = ProblemError(413, f"The body is larger than the {self._max_bytes:,} bytes accepted")
            await problem_response(problem, scope["path"])(scope, receive, send)
            return
        await self._limited(scope, receive, send)
