"""Query parameters as a pydantic model, read once per different query string.

FastAPI reads parameters one by one, which takes longer than all the rest of an answer. A model is read in one
go, and a query string that came before is not read again. The OpenAPI document is the same in both cases.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, Field, ValidationError, create_model
from starlette.requests import Request

from contracts.settings import ServingSettings
from serving.http.problems import ProblemError, reason_of
from serving.question.bounds import DEFAULT_N

_REMEMBERED, _MAX_REMEMBERED_LENGTH = 1024, 300
M = TypeVar("M", bound=BaseModel)


def with_bounded_n(model: type[M], settings: ServingSettings) -> type[M]:
    """The model with ``n`` bounded by MAX_N."""
    return _with_bounded_n(model, settings.max_n)


@lru_cache
def _with_bounded_n(model: type[M], most: int) -> type[M]:
    n = (int, Field(min(DEFAULT_N, most), ge=1, le=most, description="How many items"))
    return create_model(model.__name__, __base__=model, n=n)


@lru_cache
def _properties(model: type[BaseModel]) -> dict[str, Any]:
    properties: dict[str, Any] = model.model_json_schema()["properties"]
    return properties


class QueryReader(Generic[M]):
    """Reads the query string of a request as a model, and describes it for the OpenAPI document."""

    def __init__(self, model: type[M]) -> None:
        self._model = model
        self._lists = {name for name, field in model.model_fields.items() if _is_list(field.annotation)}
        self._remembered = lru_cache(_REMEMBERED)(self._read)

    def __call__(self, request: Request) -> M:
        """The parameters. Raises ProblemError 422 that names each bad one."""
        text: bytes = request.scope["query_string"]
        return (self._remembered if len(text) <= _MAX_REMEMBERED_LENGTH else self._read)(text)

    @property
    def openapi(self) -> dict[str, Any]:
        """The ``openapi_extra`` for a route that reads this query."""
        properties = _properties(self._model)
        return {
            "parameters": [
                {"name": name, "in": "query", "required": False, "schema": schema}
                for name, schema in properties.items()
            ]
        }

    def _read(self, text: bytes) -> M:
        found: dict[str, Any] = {}
        pairs = parse_qsl(text.decode("latin-1"), keep_blank_values=True)
        refuse_unknown((name for name, _ in pairs), self._model.model_fields)
        for name, value in pairs:
            if name in self._lists:
                found.setdefault(name, []).append(value)
            else:
                found[name] = value
        try:
            return self._model.model_validate(found)
        except ValidationError as error:
            errors = [
                ("/query/" + "/".join(map(str, each["loc"])), reason_of(each)) for each in error.errors()
            ]
            raise ProblemError(422, "The request is not valid", errors=errors) from error


def _is_list(annotation: Any) -> bool:
    return getattr(annotation, "__origin__", None) is tuple


def refuse_unknown(given: Iterable[str], names: Iterable[str]) -> None:
    """Raises ProblemError 422 where a name is none of ``names``."""
    known = sorted(names)
    unknown = [name for name in dict.fromkeys(given) if name not in known]
    if unknown:
        errors = [("/query", f"{_quote(name)}: {_hint(name, known)}") for name in unknown[:5]]
        raise ProblemError(422, "The query has a name that this route does not know", errors=errors)


def _hint(name: str, known: list[str]) -> str:
    near = [each for each in known if each == name.lower()] or get_close_matches(name.lower(), known, n=1)
    if near:
        return f"did you mean {near[0]}?"
    return f"known are {', '.join(known)}" if known else "this route takes none"


def _quote(name: str) -> str:
    # The client's own text: cut and escaped.
    return ascii(name[:64])
