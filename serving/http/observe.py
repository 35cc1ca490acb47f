"""Times every request by route template, method and status class."""

from __future__ import annotations

import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.http.paths import PAGE_STREAM
from serving.http.rendering import NO_SNIFFING
from serving.telemetry.metrics import Metrics

_METHODS = frozenset({"GET", "POST", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"})


class Observe:
    """ASGI middleware. Clients choose paths and methods, so neither becomes a label as it was sent."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._seconds = metrics.request_seconds
        self._observers: dict[tuple[str, str, int], Callable[[float], None]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # How long a page was open says nothing about how fast answers are.
        if scope["type"] != "http" or scope["path"] == PAGE_STREAM:
            await self._app(scope, receive, send)
            return
        status = 500
        started = time.perf_counter()

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if NO_SNIFFING not in message["headers"]:
                    message["headers"] = [*message["headers"], NO_SNIFFING]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            route = getattr(scope.get("route"), "path_format", "unmatched")
            method = scope["method"] if scope["method"] in _METHODS else "other"
            # There are few routes, methods and statuses, and prometheus_client looks labels up slowly.
            key = (route, method, status // 100)
            if key not in self._observers:
                self._observers[key] = self._seconds.labels(route, method, f"{status // 100}xx").observe
            self._observers[key](time.perf_counter() - started)
