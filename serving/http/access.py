"""Who may do what: holders of the API keys, where they are set. A wider key opens the narrower scopes too."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

from fastapi import Depends, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from pydantic import SecretStr
from starlette.requests import Request

from contracts.settings import ServingSettings
from serving.http.problems import ProblemError
from serving.http.subject import check_subject, shows_users, subject_of

HEADER = "X-API-Key"
Scope = Literal["read", "write", "admin"]
_key_header = APIKeyHeader(name=HEADER, auto_error=False)
_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT")


def access(settings: ServingSettings, scope: Scope) -> list[Any]:
    """The dependencies of routes of a scope: none where no key is set for it."""
    admin = settings.admin_api_key or settings.api_key
    needed = {"read": settings.read_api_key, "write": settings.api_key, "admin": admin}[scope]
    if scope == "read" and settings.subject_key is not None:
        return [Depends(_check_subject(settings, settings.subject_key))]
    if needed is None:
        return []
    wider: dict[Scope, Sequence[SecretStr | None]] = {
        "read": (settings.read_api_key, settings.api_key, settings.admin_api_key),
        "write": (settings.api_key, settings.admin_api_key),
        "admin": (admin,),
    }
    return [Depends(_check([key for key in wider[scope] if key is not None]))]


def _check(accepted: Sequence[SecretStr]) -> Any:
    # Async though it never waits: FastAPI would run a plain function in a thread.
    async def check(given: str | None = Security(_key_header)) -> None:
        if not _matches(given, accepted):
            detail = f"This needs an API key of the right scope in the {HEADER} header"
            raise ProblemError(401, detail, headers={"WWW-Authenticate": f'ApiKey header="{HEADER}"'})

    return check


def _matches(given: str | None, accepted: Iterable[SecretStr | None]) -> bool:
    # Headers arrive as Latin-1 text; encoding restores the bytes that were sent.
    sent = b"" if given is None else given.encode("latin-1")
    expected = [key.get_secret_value().encode() for key in accepted if key is not None]
    # Every key is compared, each in constant time, so that the time tells nothing.
    matches = [secrets.compare_digest(sent, key) for key in expected]
    return any(matches)


def _check_subject(settings: ServingSettings, key: SecretStr) -> Any:
    async def check(
        request: Request,
        given: str | None = Security(_key_header),
        bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)] = None,
    ) -> None:
        if _matches(given, (settings.api_key, settings.admin_api_key)):
            return
        if bearer is not None:
            check_subject(request, subject_of(bearer.credentials, key))
        elif shows_users(request) or (
            settings.read_api_key is not None and not _matches(given, (settings.read_api_key,))
        ):
            detail = "This needs the token of its user (Authorization: Bearer), or a key that writes"
            raise ProblemError(401, detail, headers={"WWW-Authenticate": "Bearer"})

    return check
