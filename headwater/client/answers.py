"""The API's answers. They ignore fields that a newer API adds, so an older client keeps working."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """The settings of all answers."""

    model_config = ConfigDict(extra="ignore", frozen=True, protected_namespaces=())


class RejectedEvent(Answer):
    """An event that the API refused; ``index`` is its place in the request, from 0."""

    index: int
    reason: str


class Accepted(Answer):
    """Kafka acknowledged ``accepted`` of the events. Give ``token`` to `recommendations` as ``after``."""

    accepted: int
    rejected: tuple[RejectedEvent, ...]
    token: str


class ListedItem(Answer):
    """An item of a list; ``rank`` counts from 1."""

    item_id: str
    rank: int
    score: float | None = None
    source: str | None = None
    title: str | None = None


class Recommendations(Answer):
    """A user's list, best first. Name its ``recommendation_id`` in the events that follow from it."""

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
    """Popular or trending items, the same for everybody."""

    items: tuple[ListedItem, ...]
    stale: bool = False
    recommendation_id: str = ""


class SimilarItems(Answer):
    """The items most similar to one item, best first."""

    item_id: str
    items: tuple[ListedItem, ...]
    model_version: str | None
    stale: bool


class RankedItem(Answer):
    """A given item: ``rank`` is its new place and ``given`` its old one, both from 1."""

    item_id: str
    rank: int
    given: int
    score: float | None
    title: str | None = None


class RankedItems(Answer):
    """The given items, ordered by a user's taste."""

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
    """A user's history, newest first."""

    user_id: str
    items: tuple[HistoryItem, ...]
    stale: bool = False


class CatalogAccepted(Answer):
    """An entry of the catalogue that Kafka acknowledged."""

    kind: str
    id: str
    updated_at: int


class Erasure(Answer):
    """The progress of an erasure; give ``receipt`` to `erasure` to ask again."""

    receipt: str
    state: str
    online: bool = False
    lake: bool = False
    models: bool = False
