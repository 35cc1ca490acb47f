"""The JSON of every answer. These shapes are stable: fields are added, never renamed or removed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, Field
from typing_extensions import NotRequired, TypedDict

from contracts.events import EventType


class Share(TypedDict):
    """What one item of the history adds to a score."""

    item_id: str
    title: str | None
    share: float


class Explanation(TypedDict):
    """Why the model recommends an item: shares that add up, with ``rest``, to its score."""

    score: float
    items: list[Share]
    rest: Annotated[float, Field(description="The shares of all other items of the history")]


class RecommendedItem(TypedDict):
    """One item of a list; ``score`` compares only with scores of the same ``source``.

    All fields come unless ``fields`` asks for fewer. A dictionary, because an answer makes many.
    """

    item_id: str
    rank: NotRequired[Annotated[int, Field(ge=1)]]
    score: NotRequired[float]
    source: NotRequired[
        Annotated[str, Field(description="Which strategy proposed it (serving/answer/chain.py)")]
    ]
    title: NotRequired[str | None]
    because: NotRequired[Explanation | None]
    propensity: NotRequired[
        Annotated[float, Field(description="Of an explored item: how likely it was to be in this answer")]
    ]


def first_source(items: Sequence[RecommendedItem]) -> str | None:
    """The source of the first item, None for an empty list."""
    return items[0]["source"] if items else None


class Recommendations(BaseModel):
    """A user's list, best first, without items the user knows."""

    user_id: str
    n: int
    offset: int = 0
    items: list[RecommendedItem]
    model_version: str | None
    known_items: int = Field(description="How many items the user knows")
    stale: bool = Field(
        description="Redis did not answer (the last popular list, histories not considered), "
        "or the write named by `after` is not applied yet"
    )
    applied_through: int | None = Field(
        description="Epoch milliseconds (the broker's clock): every event until then is in the state"
    )
    lag_ms: int | None = Field(description="How far that lies behind the API's clock")


class SimilarItems(BaseModel):
    """An item's neighbours; popular items, marked by their source, where the model has none."""

    item_id: str
    n: int
    offset: int = 0
    items: list[RecommendedItem]
    model_version: str | None
    stale: bool


class GroupRecommendations(BaseModel):
    """One list for several users, best first, without items that any of them knows."""

    user_ids: list[str]
    n: int
    offset: int = 0
    items: list[RecommendedItem]
    model_version: str | None
    known_items: int = Field(description="How many items any of them knows")
    stale: bool
    applied_through: int | None
    lag_ms: int | None


class BecauseRow(BaseModel):
    """Items like one that the user liked."""

    item_id: str
    title: str | None
    items: list[RecommendedItem]


class BecauseYouLiked(BaseModel):
    """A row for each of the items liked last that the model knows; known items left out, each item once."""

    user_id: str
    rows: list[BecauseRow]
    model_version: str | None


class SimilarUser(BaseModel):
    """A user whom the same items suit."""

    user_id: str
    rank: int = Field(ge=1)
    score: float


class SimilarUsers(BaseModel):
    """Users of a taste like another's, best first."""

    user_id: str
    n: int
    offset: int = 0
    users: list[SimilarUser]
    model_version: str | None


class TopUser(BaseModel):
    """A user whom an item suits."""

    user_id: str
    rank: int = Field(ge=1)
    score: float


class TopUsers(BaseModel):
    """The users whom an item suits most, best first."""

    item_id: str
    n: int
    offset: int = 0
    users: list[TopUser]
    model_version: str | None


class PopularItem(BaseModel):
    """An item with how it is liked: score = raters x mean + weighted counts of the other events."""

    item_id: str
    rank: int = Field(ge=1)
    score: float
    source: str
    title: str | None
    raters: int
    mean: float | None = Field(description="Mean rating, null without one")
    users: int = Field(description="Users with any interaction")


class Popular(BaseModel):
    """The most popular items, best first."""

    n: int
    offset: int = 0
    items: list[PopularItem]
    model_version: str | None
    stale: bool


class TrendingItem(BaseModel):
    """An item with the decayed sum of what was done with it."""

    item_id: str
    rank: int = Field(ge=1)
    score: float
    title: str | None


class Trending(BaseModel):
    """What is trending by one half-life, best first."""

    n: int
    offset: int
    half_life: int = Field(description="In seconds")
    items: list[TrendingItem]


class TogetherItem(BaseModel):
    """An item that goes with another."""

    item_id: str
    rank: int = Field(ge=1)
    score: float = Field(description="Log-likelihood ratio")
    lift: float = Field(description="How many times more often than by chance")
    users: float = Field(description="Users who liked both lately")
    title: str | None


class TogetherItems(BaseModel):
    """What goes with an item, the surest first."""

    item_id: str
    n: int
    offset: int = 0
    items: list[TogetherItem]


class HistoryItem(BaseModel):
    """The last interaction of one type with one item."""

    item_id: str
    event_type: EventType
    value: float
    event_time: int = Field(description="Epoch milliseconds UTC")


class History(BaseModel):
    """A user's interactions, newest first; one per item and event type."""

    user_id: str
    n: int
    offset: int = 0
    items: list[HistoryItem]


class EstimatedItem(BaseModel):
    """What a model says of a user and an item. The two figures are of two models, and do not compare."""

    item_id: str
    title: str | None
    rating: float | None = Field(
        description="Estimated rating, within the scale: by the explicit model; null where it cannot tell"
    )
    preference: float | None = Field(
        description="Predicted preference, about 0 to 1, by the model that ranks lists; not a rating"
    )
    rated: float | None = Field(description="What the user gave, null without a rating")


class Estimates(BaseModel):
    """Estimates for one user, in the order asked for."""

    user_id: str
    scale: tuple[float, float] = Field(description="The smallest and the largest rating")
    items: list[EstimatedItem]
    model_version: str


class ModelVersion(BaseModel):
    """A published version, as its manifest tells."""

    version: str
    served: bool
    created_at: str | None
    previous: str | None
    metrics: dict[str, float]


class Models(BaseModel):
    """Every version that Redis holds, the newest first."""

    models: list[ModelVersion]


class ModelMoved(BaseModel):
    """The pointer was moved."""

    served: str
    before: str | None


class TracedCandidate(BaseModel):
    """A candidate on its way through an answer."""

    item_id: str
    source: str = Field(description="The first strategy that proposed it")
    score: float
    title: str | None
    removed_by: str | None = Field(description="The filter that left it out")
    places: dict[str, int] = Field(description="Its place after each step")
    rank: int | None = Field(description="Its rank in the answer, null where it is not in it")


class Trace(BaseModel):
    """Where an answer comes from; those in the answer first."""

    user_id: str
    model_version: str | None
    stale: bool
    known_items: int
    applied_through: int | None
    proposed: dict[str, int] = Field(description="How many candidates each strategy proposed, to 200")
    candidates: list[TracedCandidate]


class Rejected(BaseModel):
    """An event that was not accepted."""

    index: int = Field(ge=0, description="Its place in the request, from 0")
    reason: str


class Accepted(BaseModel):
    """Events that Kafka acknowledged."""

    accepted: int
    rejected: list[Rejected]
    token: str = Field(description="Where the accepted events lie in the log; opaque")


class Erasure(BaseModel):
    """A request to forget a user, and how far it has come."""

    receipt: str = Field(description="For GET /v1/erasures/{receipt}; it names nobody")
    requested_at: int = Field(description="Epoch milliseconds: the user's events until then are erased")
    state: Literal["accepted", "applied", "complete"] = Field(
        description="applied: answers no longer know the user; complete: lake and models neither"
    )
    online: bool = Field(description="Whether the state in Redis is without the user")
    lake: bool = Field(description="Whether the lake's tables are")
    models: bool = Field(description="Whether every model in Redis was trained without the user")


class CatalogAccepted(BaseModel):
    """An entry of the catalogue that Kafka acknowledged; the newest ``updated_at`` wins."""

    kind: str
    id: str
    updated_at: int = Field(description="Epoch milliseconds UTC")


class Health(BaseModel):
    """What the process can reach."""

    status: str
    redis: str
    popular_items: int
    model_version: str | None
