"""The query parameters that every list takes."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from serving.answer.recommended_item import RecommendedItem
from serving.http.problems import ProblemError
from serving.question.bounds import DEFAULT_N, MAX_OFFSET, JsonId
from serving.question.expression import MAX_LENGTH, Expression, ExpressionError, parse
from serving.question.list_options import Known, ListOptions

# A URL with more excluded items would be refused by servers. The body of a session's request takes more.
MAX_EXCLUDED = 100
_NAMES = "|".join(name for name in RecommendedItem.__annotations__ if name != "because")
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]

FILTER: str | None = Field(
    None,
    max_length=MAX_LENGTH,
    description='Which items may come, as "category = Comedy and not year < 1990"; see docs/filter.md',
    json_schema_extra={"format": "filter-expression"},
)

EXPOSURE: bool = Field(
    True,
    description="Whether the list is shown now; false where it is only fetched ahead (then POST "
    "/v1/exposures says later what was on the screen)",
)


def matching_of(text: str | None) -> Expression | None:
    """Read a filter expression. Raises ProblemError 422 for text that is not one."""
    try:
        return None if text is None else parse(text)
    except ExpressionError as error:
        raise ProblemError(422, f"filter: {error}", errors=[("/query/filter", str(error))]) from error


class ListQuery(BaseModel):
    """What every list takes."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    n: int = Field(DEFAULT_N, description="How many items")
    offset: int = Field(0, ge=0, le=MAX_OFFSET, description="How many of the best to leave out, for paging")
    known: Known = Field(
        "auto",
        description="Whether items of the history may come again: auto leaves it to the model's lists, which "
        "hold them where that was measured to be better (GET /v1/models shows it), and skips them in others",
    )
    exclude: Annotated[tuple[JsonId, ...], Field(max_length=MAX_EXCLUDED)] = Field(
        (), description="An item to leave out; may be repeated"
    )
    filter: str | None = FILTER
    diversity: Share = Field(
        0.0, description="0: by score alone; 1: as unlike as possible. It orders the first 1,000 places"
    )
    per_category: int | None = Field(
        None, ge=1, le=1000, description="At most this number of items of one category first"
    )
    freshness: Share = Field(0.0, description="How much newly published items rise")
    rotation: Share = Field(
        0.0, description="How far items sink that were shown lately and not used; needs SHOWN_SECONDS"
    )
    session_id: JsonId | None = Field(
        None, description="The session that the list is for: experiments by session assign by it"
    )
    fields: str | None = Field(
        None,
        pattern=f"^({_NAMES})(,({_NAMES}))*$",
        max_length=200,
        description="Which fields of each item to send, separated by commas; item_id always",
    )

    exposure: bool = EXPOSURE

    @cached_property
    def options(self) -> ListOptions:
        """The options for the recommender. Raises ProblemError 422 for text that is not a filter."""
        return ListOptions(
            n=self.n,
            offset=self.offset,
            known=self.known,
            exclude=frozenset(self.exclude),
            matching=matching_of(self.filter),
            diversity=self.diversity,
            per_category=self.per_category,
            freshness=self.freshness,
            rotation=self.rotation,
        )
