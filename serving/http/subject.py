"""Tokens of users: a JWT (HS256, SUBJECT_KEY) whose ``sub`` is the user that its bearer may read.

A site's backend signs one for each visitor, so that the visitor's browser may ask the API itself and cannot
read anybody else's list. Off unless SUBJECT_KEY is set.
"""

from __future__ import annotations

import jwt
from pydantic import SecretStr
from starlette.requests import Request

from serving.http.problems import ProblemError

# These routes show other users than the one who asks, so they need a key; a token is not enough.
OF_OTHERS = frozenset(
    {
        "/v1/groups/recommendations",
        "/v1/items/{item_id}/users",
        "/v1/users/{user_id}/similar",
        "/v1/users/{entry_id}",  # what the operator knows about a user
    }
)
_LEEWAY_SECONDS = 10


def subject_of(token: str, key: SecretStr) -> str:
    """The user of a token. Raises ProblemError 401 for a token that is not ours or has expired."""
    try:
        claims = jwt.decode(
            token,
            key.get_secret_value(),
            algorithms=["HS256"],
            options={"require": ["exp", "sub"]},
            leeway=_LEEWAY_SECONDS,
        )
    except jwt.InvalidTokenError as error:
        detail = f"The token is not valid: {type(error).__name__}"
        raise ProblemError(
            401, detail, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'}
        ) from error
    return str(claims["sub"])


def shows_users(request: Request) -> bool:
    """Whether the route shows a user: the one in its path, or others."""
    return "user_id" in request.path_params or request.scope["route"].path_format in OF_OTHERS


def check_subject(request: Request, subject: str) -> None:
    """Raises ProblemError 403 where the route shows another user."""
    user_id = request.path_params.get("user_id", subject)
    if user_id != subject or request.scope["route"].path_format in OF_OTHERS:
        raise ProblemError(403, "A token reads its own user only; this is another's")
