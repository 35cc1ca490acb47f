"""Renders an answer as bytes, with an ETag made of what it recommends."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

NO_SNIFFING = (b"x-content-type-options", b"nosniff")  # a browser must not guess another type
_CACHE = (b"cache-control", b"private, no-cache")
_JSON = (b"content-type", b"application/json")
# The fields that differ between two answers of the same list come last, from the first one of these on.
_VOLATILE = (b',"applied_through":', b',"recommendation_id":')


def json_response(request: Request, answer: BaseModel, fields: str | None = None) -> Response:
    """200 with the answer, or 304 where the client has it already (If-None-Match)."""
    body = answer.__pydantic_serializer__.to_json(answer, include=_include(answer, fields))
    return bytes_response(request, body)


def bytes_response(request: Request, body: bytes) -> Response:
    """As `json_response`, for an answer that is JSON already."""
    stable = body
    for name in _VOLATILE:
        if (at := body.rfind(name)) >= 0:
            stable = body[:at]
            break
    # A weak tag, because the fields about the state's freshness may differ.
    tag = b'W/"%s"' % blake2b(stable, digest_size=12).hexdigest().encode()
    if (b"if-none-match", tag) in request.scope["headers"]:
        return Answer(304, b"", tag)
    return Answer(200, body, tag)


class Answer(Response):
    """A response that builds its headers once, in the form in which they are sent."""

    def __init__(self, status: int, body: bytes, tag: bytes) -> None:
        self.status_code, self.body, self.background = status, body, None
        self.raw_headers = [(b"etag", tag), _CACHE, NO_SNIFFING]
        if status == 200:
            self.raw_headers += [_JSON, (b"content-length", b"%d" % len(body))]


def _include(answer: BaseModel, fields: str | None) -> dict[str, Any] | None:
    if fields is None:
        return None
    whole: dict[str, Any] = dict.fromkeys(type(answer).model_fields, True)
    return whole | {"items": {"__all__": {"item_id", "because", *fields.split(",")}}}
