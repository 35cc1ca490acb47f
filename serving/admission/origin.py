"""Refuses writes by pages of other sites: a browser says in the header Origin where a request comes from.

Without keys, any page that a person visits could write to an API on that person's machine. So a request that
changes something is refused where its Origin is neither this API's nor one of ALLOWED_ORIGINS. On loopback
without keys, its Host must also name this machine, because DNS rebinding comes under another name.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from contracts.settings import ServingSettings, is_loopback
from serving.http.problems import ProblemError, problem_response

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class SameOrigin:
    """ASGI middleware that answers 403 to what another site's page sends."""

    def __init__(self, app: ASGIApp, settings: ServingSettings) -> None:
        self._app = app
        self._allowed = frozenset(settings.allowed_origins)
        self._hosts = frozenset(host.lower() for host in settings.allowed_hosts)
        self._only_loopback = settings.api_key is None and is_loopback(settings.api_host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = None if scope["type"] != "http" else self.refusal(scope)
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await problem_response(refusal, scope["path"])(scope, receive, send)

    def refusal(self, scope: Scope) -> ProblemError | None:
        """Why the request is refused; None where it is not."""
        if scope["method"] in SAFE_METHODS:
            return None
        headers = Headers(scope=scope)
        host = headers.get("host", "").lower()
        origin = headers.get("origin")
        if origin is not None and origin not in self._allowed and _place(origin) != host:
            detail = (
                "A page of another site may not change anything here; ALLOWED_ORIGINS names those that may"
            )
            return ProblemError(403, detail)
        name = urlsplit(f"//{host}").hostname or "" if _is_readable(host) else host
        if self._only_loopback and not is_loopback(name) and name not in self._hosts:
            detail = (
                "Without keys, this API takes writes for localhost only; set API_KEY, or name this host in "
                "ALLOWED_HOSTS"
            )
            return ProblemError(403, detail)
        return None


def _place(origin: str) -> str | None:
    """Host and port of an origin; None for "null" and for text that is not an origin."""
    return urlsplit(origin).netloc.lower() or None if _is_readable(origin) else None


def _is_readable(url: str) -> bool:
    try:
        urlsplit(url if "//" in url else f"//{url}")
    except ValueError:
        return False
    return True
