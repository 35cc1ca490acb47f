"""Calls of the HTTP API, by the standard library alone."""

from __future__ import annotations

import json
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import ProxyHandler, Request, build_opener

from pydantic import SecretStr

from stack.machine.errors import StackError

# The API is on this machine, so no proxy is used.
_OPENER = build_opener(ProxyHandler({}))
_TIMEOUT_SECONDS = 10.0
_EXPORT_SECONDS = 120.0  # it reads every item's list of users


class ApiError(StackError):
    """The API refused, or did not answer."""


def call(
    url: str, body: object = None, timeout: float = _TIMEOUT_SECONDS, key: SecretStr | None = None
) -> Any:
    """Send a GET, or a POST if there is a body; the parsed answer. Raises ApiError with the API's words."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    if key is not None:
        headers["X-API-Key"] = key.get_secret_value()
    request = Request(url, data=data, headers=headers)
    try:
        with _OPENER.open(request, timeout=timeout) as answer:
            return json.loads(answer.read() or b"null")
    except HTTPError as error:
        with error:
            raise ApiError(
                f"{url} answered {error.code}: {error.read(2000).decode(errors='replace')}"
            ) from error
    except (HTTPException, OSError, ValueError) as error:
        raise ApiError(f"{url} did not answer: {error}") from error


def answers(url: str, timeout: float = 1.0) -> bool:
    """Whether a GET succeeds."""
    try:
        call(url, timeout=timeout)
    except ApiError:
        return False
    return True


def recommendations(
    api: str,
    user_id: str,
    n: int,
    session_id: str | None = None,
    exposure: bool = True,
    key: SecretStr | None = None,
) -> Any:
    """A user's list, for a session if one is given; ``exposure`` says whether somebody sees it."""
    query = f"n={n}" + ("" if exposure else "&exposure=false")
    if session_id is not None:
        query += f"&session_id={quote(session_id, safe='')}"
    return call(f"{api}/v1/users/{quote(user_id, safe='')}/recommendations?{query}", key=key)


def recommendations_after(api: str, user_id: str, n: int, token: str, wait_seconds: float) -> Any:
    """A user's list once a write counts in it, by the write's token; ``stale`` if the wait ended earlier."""
    query = f"n={n}&after={quote(token, safe='')}&wait_ms={round(wait_seconds * 1000)}"
    user = quote(user_id, safe="")
    return call(f"{api}/v1/users/{user}/recommendations?{query}", timeout=_TIMEOUT_SECONDS + wait_seconds)


def history(api: str, user_id: str, n: int) -> Any:
    """A user's history."""
    return call(f"{api}/v1/users/{quote(user_id, safe='')}/history?n={n}")


def similar(api: str, item_id: str, n: int) -> Any:
    """An item's neighbours."""
    return call(f"{api}/v1/items/{quote(item_id, safe='')}/similar?n={n}")


def popular(api: str, n: int) -> Any:
    """The popular items."""
    return call(f"{api}/v1/popular?n={n}")


def export_user(api: str, user_id: str, key: SecretStr | None) -> Any:
    """All that Redis holds about a user; needs the admin key where one is set."""
    return call(
        f"{api.rstrip('/')}/v1/users/{quote(user_id, safe='')}/export", timeout=_EXPORT_SECONDS, key=key
    )


def send_events(api: str, events: list[dict[str, object]], key: SecretStr | None = None) -> Any:
    """Send interactions; needs the key for writes where one is set."""
    return call(f"{api}/v1/events", {"events": events}, key=key)
