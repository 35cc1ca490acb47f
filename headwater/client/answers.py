"""The API's answers. Fields that a newer API adds are left aside, so that an older client goes on."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """What all answers have in common."""

    model_config = ConfigDict(extra="ignore", frozen=True, protected_namespaces=())


class RejectedEvent(Answer):
    """An event that was not accepted; ``index`` is its place in what was sent, from 0."""

    index: int
    reason: str


class Accepted(Answer):
    """Events that Kafka acknowledged. ``token`` goes into ``after`` of `recommendations`."""

    accepted: int
    rejected: tuple[RejectedEvent, ...]
    token: str


class ListedItem(Answer):
    """An item of a list, with its place from 1."""

    item_id: str
    rank: int
    score: float | None = None
    source: str | None = None
    title: str | None = None


class Recommendations(Answer):
    """A user's list, best first. ``recommendation_id`` goes into the events that follow from it."""

    user_id: str
    items: tuple[ListedItem, ...]
    model_version: str | None
    known_items: int
    stale: bool
    applied_through: int | None  # epoch milliseconds
    lag_ms: int | None
    arm: str = ""
    recommendation_id: str = ""


class PopularItems(Answer):
    """What is popular or rises, the same for everybody."""

    items: tuple[ListedItem, ...]
    stale: bool = False
    recommendation_id: str = ""


class SimilarItems(Answer):
    """The items nearest to one, best first."""

    item_id: str
    items: tuple[ListedItem, ...]
    model_version: str | None
    stale: bool


class RankedItem(Answer):
    """A given item in its new place; ``given`` is the place that it had, from 1."""

    item_id: str
    rank: int
    given: int
    score: float | None
    title: str | None = None


class RankedItems(Answer):
    """Given items in a user's order."""

    user_id: str
    items: tuple[RankedItem, ...]
    model_version: str | None
    stale: bool
    recommendation_id: str = ""


class HistoryItem(Answer):
    """What a user did last with an item; ``event_time`` in epoch milliseconds."""

    item_id: str
    event_type: str
    value: float
    event_time: int


class History(Answer):
    """What is known of a user, the newest first."""

    user_id: str
    items: tuple[HistoryItem, ...]
    stale: bool = False


class CatalogAccepted(Answer):
    """An entry of the catalogue that Kafka acknowledged."""

    kind: str
    id: str
    updated_at: int


class Erasure(Answer):
    """How far an erasure is; ``receipt`` asks for it again."""

    receipt: str
    state: str
    online: bool = False
    lake: bool = False
    models: bool = False
