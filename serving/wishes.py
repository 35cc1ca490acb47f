"""The query parameters that every list takes, as ``Wishes``."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Literal

from fastapi import Query

from contracts.settings import ServingSettings
from serving.bounds import JsonId, length_bounds
from serving.expression import MAX_LENGTH, Expression, ExpressionError, parse
from serving.problems import ProblemError
from serving.question import Wishes

# More excluded items would make a URL that servers refuse; an anonymous session's body takes them.
MAX_OFFSET, MAX_EXCLUDED = 10_000, 100
Offset = Annotated[int, Query(ge=0, le=MAX_OFFSET, description="How many of the best to leave out: paging")]
Excluded = Annotated[
    list[JsonId], Query(max_length=MAX_EXCLUDED, description="An item to leave out; may be repeated")
]
Matching = Annotated[
    str | None,
    Query(
        alias="filter",
        max_length=MAX_LENGTH,
        description="Which items may come, as `category = Comedy and not year < 1990`; see docs/filter.md",
        json_schema_extra={"format": "filter-expression"},
    ),
]
Known = Annotated[Literal["skip", "keep"], Query(description="Whether items of the history may come again")]
Share = Annotated[float, Query(ge=0, le=1, allow_inf_nan=False)]
PerCategory = Annotated[int | None, Query(ge=1, le=1000, description="At most so many of one category first")]


def wishes_of(settings: ServingSettings) -> Callable[..., Coroutine[Any, Any, Wishes]]:
    """The dependency that reads them; bounded by the settings."""
    bounds = length_bounds(settings)

    # Async though it never waits: FastAPI would run a plain function in a thread.
    async def wishes(
        n: int = bounds,
        offset: Offset = 0,
        known: Known = "skip",
        exclude: Excluded = [],  # noqa: B006 (FastAPI copies it)
        matching: Matching = None,
        diversity: Share = 0.0,
        per_category: PerCategory = None,
        freshness: Share = 0.0,
    ) -> Wishes:
        return Wishes(
            n,
            offset,
            known == "keep",
            frozenset(exclude),
            None if matching is None else expression_of(matching, "/query/filter"),
            diversity,
            per_category,
            freshness,
        )

    return wishes


def expression_of(text: str, pointer: str) -> Expression:
    """The parsed expression. Raises ProblemError 422."""
    try:
        return parse(text)
    except ExpressionError as error:
        raise ProblemError(422, f"filter: {error}", errors=[(pointer, str(error))]) from error
