"""Who may write: holders of the API key, where one is set."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from fastapi import Security
from fastapi.security import APIKeyHeader
from pydantic import SecretStr

from serving.problems import ProblemError

HEADER = "X-API-Key"
_key_header = APIKeyHeader(name=HEADER, auto_error=False)


def write_access(api_key: SecretStr) -> Callable[..., None]:
    """A dependency that lets only the holder of the key pass; compares in constant time."""
    expected = api_key.get_secret_value().encode()

    def check(given: str | None = Security(_key_header)) -> None:
        # Headers arrive as Latin-1 text; encoding restores the bytes that were sent.
        if given is None or not secrets.compare_digest(given.encode("latin-1"), expected):
            detail = f"Writes need the API key in the {HEADER} header"
            raise ProblemError(401, detail, headers={"WWW-Authenticate": f'ApiKey header="{HEADER}"'})

    return check
