"""Refuses requests before their body is read: for a missing key, an unknown query name, a slash at the end.

FastAPI reads a body before it calls the dependencies, so anybody could make the API read bodies. A route of
this class checks the key first.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Any
from urllib.parse import parse_qsl

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from serving.admission.origin import SAFE_METHODS
from serving.http.access import check_early
from serving.http.problems import ProblemError
from serving.http.query import refuse_unknown


class CheckedRoute(APIRoute):
    """A route that makes these checks; used as ``APIRouter(route_class=CheckedRoute)``."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """A function that makes the checks, then calls FastAPI's own."""
        answer = super().get_route_handler()
        names = query_names(self)

        async def answer_checked_request(request: Request) -> Response:
            check_early(self.dependencies, request)
            check_names(request, names)
            check_slashes(request)
            return await answer(request)

        return answer_checked_request


def query_names(route: APIRoute) -> frozenset[str]:
    """The query parameters of a route: those that FastAPI reads, and those of its ``openapi_extra``."""
    described = (route.openapi_extra or {}).get("parameters", ())
    return frozenset({*(each["name"] for each in described), *_query_names(route.dependant)})


def _query_names(dependant: Dependant) -> Iterator[str]:
    yield from (field.alias for field in dependant.query_params)
    for each in dependant.dependencies:
        yield from _query_names(each)


def check_names(request: Request, names: Iterable[str]) -> None:
    """Raises ProblemError 422 for an unknown name; it says which one was probably meant."""
    text: bytes = request.scope["query_string"]
    if text:
        refuse_unknown((name for name, _ in parse_qsl(text.decode("latin-1"), keep_blank_values=True)), names)


def check_slashes(request: Request) -> None:
    """Raises ProblemError 422 for a write whose path ends with a slash, or has two in a row.

    Such a path names another id than the one meant: ``/v1/users/7/`` is not user 7.
    """
    if request.method in SAFE_METHODS:
        return
    path: bytes = request.scope.get("raw_path") or b""
    if path.endswith(b"/") or b"//" in path:
        reason = "leave out the slash; one that belongs to an id is written %2F"
        raise ProblemError(422, "The path has a slash too many", errors=[("/path", reason)])
