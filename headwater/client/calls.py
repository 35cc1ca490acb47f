"""Each call of the API as a value: the request, and the type of its answer. Both clients use them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from headwater.client.answers import (
    Accepted,
    Answer,
    CatalogAccepted,
    Erasure,
    History,
    PopularItems,
    RankedItems,
    Recommendations,
    SimilarItems,
)
from headwater.client.event import Event

T = TypeVar("T", bound=Answer)
Id = str | int
MOST_EVENTS = 1_000  # in a request


@dataclass(frozen=True)
class Call(Generic[T]):
    """A request and the type of its answer."""

    method: str
    path: str
    answer: type[T]
    is_idempotent: bool = True
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None


def recommendations(user_id: Id, n: int, query: Mapping[str, Any]) -> Call[Recommendations]:
    """A user's list."""
    return Call(
        "GET", f"/v1/users/{_safe(user_id)}/recommendations", Recommendations, query={"n": n, **query}
    )


def popular(n: int, query: Mapping[str, Any]) -> Call[PopularItems]:
    """The popular items."""
    return Call("GET", "/v1/popular", PopularItems, query={"n": n, **query})


def trending(n: int, query: Mapping[str, Any]) -> Call[PopularItems]:
    """The trending items."""
    return Call("GET", "/v1/trending", PopularItems, query={"n": n, **query})


def similar_items(item_id: Id, n: int, query: Mapping[str, Any]) -> Call[SimilarItems]:
    """The items most similar to one item."""
    return Call("GET", f"/v1/items/{_safe(item_id)}/similar", SimilarItems, query={"n": n, **query})


def rank(user_id: Id, item_ids: Sequence[Id], query: Mapping[str, Any]) -> Call[RankedItems]:
    """Given items, ordered by a user's taste; the call only reads, so it may be repeated."""
    path = f"/v1/users/{_safe(user_id)}/rank"
    return Call("POST", path, RankedItems, query=query, body={"item_ids": list(item_ids)})


def history(user_id: Id, n: int) -> Call[History]:
    """A user's history."""
    return Call("GET", f"/v1/users/{_safe(user_id)}/history", History, query={"n": n})


def send_events(events: Iterable[Event]) -> Call[Accepted]:
    """Events, at most 1,000. Each carries an id, so an event that is sent twice counts once."""
    return Call("POST", "/v1/events", Accepted, body={"events": [event.as_json() for event in events]})


def put_item(item_id: Id, metadata: Mapping[str, Any]) -> Call[CatalogAccepted]:
    """An item's metadata: title, categories, attributes."""
    return Call("PUT", f"/v1/items/{_safe(item_id)}", CatalogAccepted, body=dict(metadata))


def put_user(user_id: Id, metadata: Mapping[str, Any]) -> Call[CatalogAccepted]:
    """A user's metadata."""
    return Call("PUT", f"/v1/users/{_safe(user_id)}", CatalogAccepted, body=dict(metadata))


def erase_user(user_id: Id) -> Call[Erasure]:
    """Ask for a user's erasure."""
    return Call("DELETE", f"/v1/users/{_safe(user_id)}", Erasure)


def erasure(receipt: str) -> Call[Erasure]:
    """The progress of an erasure."""
    return Call("GET", f"/v1/erasures/{_safe(receipt)}", Erasure)


def _safe(part: Id) -> str:
    return quote(str(part), safe="")
