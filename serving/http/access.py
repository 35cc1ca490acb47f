"""Who may do what: holders of the API keys, where they are set. A wider key opens the narrower scopes too."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

from fastapi import Depends, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param
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
    """The dependencies for the routes of a scope; none where no key is set for it."""
    admin = settings.admin_api_key or settings.api_key
    needed = {"read": settings.read_api_key, "write": settings.api_key, "admin": admin}[scope]
    if scope == "read" and settings.subject_key is not None:
        return [Depends(_CheckSubject(settings, settings.subject_key))]
    if needed is None:
        return [Depends(_CheckClosed())] if scope == "admin" and settings.administration_is_closed else []
    wider: dict[Scope, Sequence[SecretStr | None]] = {
        "read": (settings.read_api_key, settings.api_key, settings.admin_api_key),
        "write": (settings.api_key, settings.admin_api_key),
        "admin": (admin,),
    }
    return [Depends(_CheckKey([key for key in wider[scope] if key is not None]))]


def check_early(dependencies: Iterable[Any], request: Request) -> None:
    """Check access before a request's body is read, by a route's dependencies. ProblemError 401 or 403."""
    for each in dependencies:
        if isinstance(each.dependency, _Check):
            each.dependency.check(request)


class _Check:
    """A dependency that checks a request's headers; ``check_early`` calls it, and after that FastAPI."""

    def check(self, request: Request) -> None:
        raise NotImplementedError


class _CheckKey(_Check):
    def __init__(self, accepted: Sequence[SecretStr]) -> None:
        self._accepted = accepted

    # Async though it never waits: FastAPI would run a plain function in a thread.
    async def __call__(self, request: Request, _: str | None = Security(_key_header)) -> None:
        self.check(request)

    def check(self, request: Request) -> None:
        if not matches(request.headers.get(HEADER), self._accepted):
            detail = f"This needs an API key of the right scope in the {HEADER} header"
            raise ProblemError(401, detail, headers={"WWW-Authenticate": f'ApiKey header="{HEADER}"'})


class _CheckClosed(_Check):
    async def __call__(self, request: Request) -> None:
        self.check(request)

    def check(self, request: Request) -> None:
        detail = (
            "Other machines reach this API, so its administration needs a key: set ADMIN_API_KEY or API_KEY"
        )
        raise ProblemError(403, detail)


def matches(given: str | None, accepted: Iterable[SecretStr | None]) -> bool:
    """Whether a header holds one of these keys."""
    # Headers arrive as Latin-1 text; encoding restores the bytes that were sent.
    sent = b"" if given is None else given.encode("latin-1")
    expected = [key.get_secret_value().encode() for key in accepted if key is not None]
    # All keys are compared, each in constant time, so that the duration reveals nothing.
    matches = [secrets.compare_digest(sent, key) for key in expected]
    return any(matches)


class _CheckSubject(_Check):
    def __init__(self, settings: ServingSettings, key: SecretStr) -> None:
        self._settings = settings
        self._key = key

    async def __call__(
        self,
        request: Request,
        _: str | None = Security(_key_header),
        __: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)] = None,
    ) -> None:
        self.check(request)

    def check(self, request: Request) -> None:
        given, settings = request.headers.get(HEADER), self._settings
        if matches(given, (settings.api_key, settings.admin_api_key)):
            return
        scheme, token = get_authorization_scheme_param(request.headers.get("authorization"))
        if scheme.lower() == "bearer" and token:
            check_subject(request, subject_of(token, self._key))
        elif shows_users(request) or (
            settings.read_api_key is not None and not matches(given, (settings.read_api_key,))
        ):
            detail = "This needs the token of its user (Authorization: Bearer), or a key that writes"
            raise ProblemError(401, detail, headers={"WWW-Authenticate": "Bearer"})
