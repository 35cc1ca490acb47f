"""Why a call failed: the API refused it, or did not answer."""

from __future__ import annotations

import json
from typing import Any


class ProblemError(Exception):
    """The API refused a call (RFC 9457). ``fields`` names each bad field by its JSON pointer."""

    def __init__(self, status: int, title: str, detail: str, body: dict[str, Any]) -> None:
        super().__init__(f"{status} {title}: {detail}" if detail else f"{status} {title}")
        self.status = status
        self.detail = detail
        self.body = body
        self.fields = {each["pointer"]: each["reason"] for each in body.get("errors") or ()}


class UnreachableError(Exception):
    """No answer came, after all attempts."""


def problem_of(status: int, raw: bytes) -> ProblemError:
    """The problem that an answer describes; a proxy in front of the API may have written it."""
    try:
        body = json.loads(raw)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return ProblemError(status, "no problem description", raw[:200].decode("utf-8", "replace"), {})
    return ProblemError(status, str(body.get("title", "")), str(body.get("detail", "")), body)
