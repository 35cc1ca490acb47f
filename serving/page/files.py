"""Serves the page's files from ``static/``: no build step, nothing from other hosts, a strict policy."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

FOLDER = Path(__file__).parent / "static"
ASSETS = "/page"
# No inline script or style, no eval, no other host, no frame around the page.
POLICY = "; ".join(
    (
        "default-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",  # browsers ask again with the ETag, so that they see a new version at once
}


class WithHeaders:
    """ASGI: adds HEADERS to what an app answers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self._app(scope, receive, sending)


def install(app: FastAPI) -> None:
    """Serve the page at ``/`` and its files below ASSETS."""

    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def page(_: Request) -> FileResponse:
        return FileResponse(FOLDER / "index.html", headers=HEADERS)

    files = GZipMiddleware(StaticFiles(directory=FOLDER))
    app.mount(ASSETS, WithHeaders(files), name="page")
