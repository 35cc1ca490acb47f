"""An answer as bytes: serialised once, with an ETag over what it recommends."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

# The fields that differ between two answers of the same list; they come last in every answer that has them.
_VOLATILE = b',"applied_through":'


def rendered(request: Request, answer: BaseModel, fields: str | None = None) -> Response:
    """200 with the answer, or 304 where the client has it already (If-None-Match)."""
    body = answer.__pydantic_serializer__.to_json(answer, include=_include(answer, fields))
    stable = body[: body.rfind(_VOLATILE)] if _VOLATILE in body else body
    # Weak: how fresh the state is may differ.
    tag = f'W/"{blake2b(stable, digest_size=12).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


def _include(answer: BaseModel, fields: str | None) -> dict[str, Any] | None:
    if fields is None:
        return None
    whole: dict[str, Any] = dict.fromkeys(type(answer).model_fields, True)
    return whole | {"items": {"__all__": {"item_id", "because", *fields.split(",")}}}
