"""Who may do what: holders of the API keys, where they are set. A wider key opens the narrower scopes too."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, Literal

from fastapi import Depends, Security
from fastapi.security import APIKeyHeader
from pydantic import SecretStr

from contracts.settings import ServingSettings
from serving.problems import ProblemError

HEADER = "X-API-Key"
Scope = Literal["read", "write", "admin"]
_key_header = APIKeyHeader(name=HEADER, auto_error=False)


def access(settings: ServingSettings, scope: Scope) -> list[Any]:
    """The dependencies of routes of a scope: none where no key is set for it."""
    admin = settings.admin_api_key or settings.api_key
    needed = {"read": settings.read_api_key, "write": settings.api_key, "admin": admin}[scope]
    if needed is None:
        return []
    wider: dict[Scope, Sequence[SecretStr | None]] = {
        "read": (settings.read_api_key, settings.api_key, settings.admin_api_key),
        "write": (settings.api_key, settings.admin_api_key),
        "admin": (admin,),
    }
    return [Depends(_check([key for key in wider[scope] if key is not None]))]


def _check(accepted: Sequence[SecretStr]) -> Any:
    expected = [key.get_secret_value().encode() for key in accepted]

    # Async though it never waits: FastAPI would run a plain function in a thread.
    async def check(given: str | None = Security(_key_header)) -> None:
        # Headers arrive as Latin-1 text; encoding restores the bytes that were sent.
        sent = b"" if given is None else given.encode("latin-1")
        # Every key is compared, each in constant time, so that the time tells nothing.
        matches = [secrets.compare_digest(sent, key) for key in expected]
        if not any(matches):
            detail = f"This needs an API key of the right scope in the {HEADER} header"
            raise ProblemError(401, detail, headers={"WWW-Authenticate": f'ApiKey header="{HEADER}"'})

    return check
