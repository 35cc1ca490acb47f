"""The query parameters of lists: one pydantic model each, read once per different query string.

FastAPI reads parameters one by one, which costs more than all the rest of an answer; a model is read in one
go, and a query string that came before needs no reading at all. The document describes them alike.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Annotated, Any, Generic, Literal, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from starlette.requests import Request

from contracts.settings import ServingSettings
from serving.http.answers import RecommendedItem
from serving.http.problems import ProblemError, reason_of
from serving.question.bounds import DEFAULT_N, MAX_OFFSET, JsonId
from serving.question.expression import MAX_LENGTH, ExpressionError, parse
from serving.question.question import Wishes

# More excluded items would make a URL that servers refuse; an anonymous session's body takes them.
MAX_EXCLUDED = 100
_NAMES = "|".join(name for name in RecommendedItem.__annotations__ if name != "because")
_REMEMBERED, _MAX_REMEMBERED_LENGTH = 1024, 300
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
M = TypeVar("M", bound=BaseModel)


class ListQuery(BaseModel):
    """What every list takes."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    n: int = Field(DEFAULT_N, description="How many items")
    offset: int = Field(0, ge=0, le=MAX_OFFSET, description="How many of the best to leave out, for paging")
    known: Literal["skip", "keep"] = Field("skip", description="Whether items of the history may come again")
    exclude: Annotated[tuple[JsonId, ...], Field(max_length=MAX_EXCLUDED)] = Field(
        (), description="An item to leave out; may be repeated"
    )
    filter: str | None = Field(
        None,
        max_length=MAX_LENGTH,
        description='Which items may come, as "category = Comedy and not year < 1990"; see docs/filter.md',
        json_schema_extra={"format": "filter-expression"},
    )
    diversity: Share = Field(0.0, description="0: by score alone; 1: as unlike as possible")
    per_category: int | None = Field(
        None, ge=1, le=1000, description="At most so many items of one category first"
    )
    freshness: Share = Field(0.0, description="How much newly published items rise")
    rotation: Share = Field(
        0.0, description="How much sinks what was shown lately and not touched; needs SHOWN_SECONDS"
    )
    fields: str | None = Field(
        None,
        pattern=f"^({_NAMES})(,({_NAMES}))*$",
        max_length=200,
        description="Which fields of each item to send, separated by commas; item_id always",
    )

    @cached_property
    def wishes(self) -> Wishes:
        """The same for the recommender. Raises ProblemError 422 for what is no filter expression."""
        try:
            matching = None if self.filter is None else parse(self.filter)
        except ExpressionError as error:
            raise ProblemError(422, f"filter: {error}", errors=[("/query/filter", str(error))]) from error
        return Wishes(
            self.n,
            self.offset,
            self.known == "keep",
            frozenset(self.exclude),
            matching,
            self.diversity,
            self.per_category,
            self.freshness,
            self.rotation,
        )


def bounded(model: type[M], settings: ServingSettings) -> type[M]:
    """The model with ``n`` bounded by MAX_N."""
    default, most = min(DEFAULT_N, settings.max_n), settings.max_n
    n = (int, Field(default, ge=1, le=most, description="How many items"))
    return create_model(model.__name__, __base__=model, n=n)


class QueryReader(Generic[M]):
    """Reads the query string of a request as a model, and describes it for the document."""

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
        """``openapi_extra`` of a route that reads this query."""
        properties: dict[str, Any] = self._model.model_json_schema()["properties"]
        return {
            "parameters": [
                {"name": name, "in": "query", "required": False, "schema": schema}
                for name, schema in properties.items()
            ]
        }

    def _read(self, text: bytes) -> M:
        found: dict[str, Any] = {}
        for name, value in parse_qsl(text.decode("latin-1"), keep_blank_values=True):
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
