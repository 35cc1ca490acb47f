"""Every error as application/problem+json (RFC 9457): type, title, status, detail, instance, errors."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Match

from serving.question.budget import OverBudgetError
from serving.redis.store import StoreError
from serving.telemetry.request_id import HEADER, request_id

_log = logging.getLogger(__name__)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
MEDIA_TYPE = "application/problem+json"
_STARLETTE_TOO_LARGE = "Content Too Large"


class FieldError(BaseModel):
    """One thing wrong with a request."""

    pointer: str
    reason: str


class ProblemBody(BaseModel):
    """An error, RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[FieldError] = []


class ProblemError(Exception):
    """An error to raise anywhere in a request; the request is answered with it."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        **extra: object,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.errors = status, detail, errors
        self.headers, self.extra = headers, extra


def problem_response(problem: ProblemError, path: str) -> Response:
    """The response for a problem; ``path`` is the request's."""
    headers = {"X-Content-Type-Options": "nosniff", **(problem.headers or {})}
    known = request_id() if problem.status >= 500 else None
    if known is not None:
        headers[HEADER] = known
    return JSONResponse(problem_body(problem, path), problem.status, headers, MEDIA_TYPE)


def problem_body(problem: ProblemError, path: str) -> dict[str, object]:
    """The fields of RFC 9457."""
    body: dict[str, object] = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "instance": quote(path),
    }
    if problem.errors:
        body["errors"] = [{"pointer": pointer, "reason": reason} for pointer, reason in problem.errors]
    return body | problem.extra


def reason_of(error: Mapping[str, Any]) -> str:
    """A validation error's text; never the input itself."""
    reason = str(error["msg"]).removeprefix("Value error, ").replace(" after validation", "")
    return reason.replace("Tuple should", "List should")  # JSON has lists only


async def _problem(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, ProblemError)
    return problem_response(problem, request.scope["path"])


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    details = {
        404: "There is no such route; /docs lists them",
        405: "This route does not take this method",
    }
    if error.detail == _STARLETTE_TOO_LARGE:
        details[413] = "The body is larger than this server accepts"
    detail = details.get(error.status_code, error.detail)
    headers = {"Allow": ", ".join(_allowed_methods(request))} if error.status_code == 405 else error.headers
    return problem_response(ProblemError(error.status_code, detail, headers=headers), request.scope["path"])


def _allowed_methods(request: Request) -> list[str]:
    """All methods of the request's path: each is a route of its own, and the framework names only one."""
    return [
        method
        for method in METHODS
        for scope in [{**request.scope, "method": method}]
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.router.routes)
    ]


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    # FastAPI's ("query", "n") is /query/n by RFC 6901.
    errors = [
        ("/" + "/".join(map(str, each["loc"])), reason_of(each)) for each in _without_consequences(error)
    ]
    return problem_response(
        ProblemError(422, "The request is not valid", errors=errors), request.scope["path"]
    )


def _without_consequences(error: RequestValidationError) -> list[Mapping[str, Any]]:
    """The errors, but not that a list is too short because an item of it is wrong and was left out."""
    found = error.errors()
    places = [tuple(each["loc"]) for each in found]

    def has_wrong_item(place: tuple[Any, ...]) -> bool:
        return any(len(other) > len(place) and other[: len(place)] == place for other in places)

    return [each for each in found if each["type"] != "too_short" or not has_wrong_item(tuple(each["loc"]))]


async def _over_budget(request: Request, error: Exception) -> Response:
    return problem_response(ProblemError(422, str(error)), request.scope["path"])


async def _store_unavailable(request: Request, error: Exception) -> Response:
    problem = ProblemError(503, f"{error}; try again shortly", headers={"Retry-After": "1"})
    return problem_response(problem, request.scope["path"])


async def _unexpected_problem(request: Request, error: Exception) -> Response:
    _log.error("unexpected error", exc_info=error)
    return problem_response(ProblemError(500, "An unexpected error; the log has it"), request.scope["path"])


HANDLERS = (
    (ProblemError, _problem),
    (HTTPException, _http_error),
    (RequestValidationError, _invalid),
    (OverBudgetError, _over_budget),
    (StoreError, _store_unavailable),
    (Exception, _unexpected_problem),
)


async def response_to(request: Request, error: Exception) -> Response:
    """The answer to an error outside the framework's layers, by the first entry of HANDLERS that fits."""
    answer = next(answer for kind, answer in HANDLERS if isinstance(error, kind))
    return await answer(request, error)


def install(app: FastAPI) -> None:
    """Answer every error of the app with problem+json."""
    for kind, handler in HANDLERS:
        app.add_exception_handler(kind, handler)
