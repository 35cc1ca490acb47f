"""A short way to the busiest route: past the framework's layers, to the same answer.

Routing, dependencies and middleware take about as long as the answer itself. A test requires that both ways
give the same bytes. Where reading needs a key, only the long way is open.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping

from fastapi import FastAPI
from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from contracts.events import Identifier
from serving.admission.admission import Admission
from serving.http.paths import PAGE_STREAM
from serving.http.problems import ProblemError, problem_response, reason_of, response_to
from serving.telemetry.metrics import Metrics
from serving.telemetry.request_id import current_request

PREFIX, SUFFIX = "/v1/users/", "/recommendations"
_TEMPLATE = "/v1/users/{user_id}/recommendations"
_identifier = TypeAdapter(Identifier)
Answer = Callable[[Request, str], Awaitable[Response]]


class HotRoute:
    """An ASGI endpoint."""

    def __init__(self, answer: Answer, metrics: Metrics) -> None:
        self._answer = answer
        self._observers = {
            status: metrics.request_seconds.labels(_TEMPLATE, "GET", f"{status}xx").observe
            for status in (2, 3, 4, 5)
        }

    @staticmethod
    def takes(scope: Scope) -> bool:
        """Whether a request is for this route."""
        if scope["method"] != "GET":
            return False
        path: str = scope["path"]
        return path.startswith(PREFIX) and path.endswith(SUFFIX) and len(path) >= len(PREFIX) + len(SUFFIX)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        request = Request(scope)
        try:
            response = await self._answer(request, _user_id(scope["path"]))
        except Exception as error:
            response = await response_to(request, error)
        try:
            await response(scope, receive, send)
        finally:
            self._observers[response.status_code // 100](time.perf_counter() - started)


def _user_id(path: str) -> str:
    try:
        return _identifier.validate_python(path[len(PREFIX) : -len(SUFFIX)])
    except ValidationError as error:
        errors = [("/path/user_id", reason_of(each)) for each in error.errors()]
        raise ProblemError(422, "The request is not valid", errors=errors) from error


def without_body(send: Send) -> Send:
    """A ``send`` that passes on a response's head (with its length) and leaves out its body."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return sending


class Api(FastAPI):
    """FastAPI with a short way to one route. A HEAD gets the answer of a GET without its body."""

    hot_route: HotRoute | None = None
    head_seconds: float
    admission: Admission | None = None
    count_refused: Mapping[int, Callable[[], None]]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or self.admission is None:
            await super().__call__(scope, receive, send)
            return
        if scope["method"] == "HEAD" and scope["path"] != PAGE_STREAM:  # the stream has no end
            scope, send = {**scope, "method": "GET"}, without_body(send)
        current_request.set(scope)
        refusal = self.admission.refusal(scope)
        if refusal is not None:
            self.count_refused[refusal.status]()
            await problem_response(refusal, scope["path"])(scope, receive, send)
            return
        self.admission.at_work += 1
        try:
            if self.hot_route is not None and self.hot_route.takes(scope):
                await self.hot_route(scope, receive, send)
            else:
                await super().__call__(scope, receive, send)
        finally:
            self.admission.at_work -= 1
