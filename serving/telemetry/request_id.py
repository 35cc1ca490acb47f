"""Gives each request an id, which its log lines and its answers about faults contain.

It is the client's own id (X-Request-ID) where that has only plain characters, so that one id can be followed
through a whole site; otherwise a new one. It is made when it is needed: few requests are logged or fail.
"""

from __future__ import annotations

import re
import uuid
from contextvars import ContextVar

from starlette.types import Scope

HEADER = "X-Request-ID"
_PLAIN = re.compile(rb"[A-Za-z0-9._-]{1,64}")
current_request: ContextVar[Scope | None] = ContextVar("request", default=None)


def request_id() -> str | None:
    """The id of the request that this task handles; None outside of one."""
    scope = current_request.get()
    if scope is None:
        return None
    if "headwater.request_id" not in scope:
        scope["headwater.request_id"] = _id_of_client(scope) or uuid.uuid4().hex
    known: str = scope["headwater.request_id"]
    return known


def _id_of_client(scope: Scope) -> str | None:
    sent = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    return sent.decode() if _PLAIN.fullmatch(sent) else None
