"""The client for programs without asyncio."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, TypeVar

import httpx

from headwater.client import calls
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
from headwater.client.calls import Call, Id
from headwater.client.event import Event
from headwater.client.exchange import TIMEOUT_SECONDS, Exchange, Pause
from headwater.client.retries import Retries

T = TypeVar("T", bound=Answer)


class Client:
    """The API at ``url``. Every method raises ProblemError for a refusal, UnreachableError for no answer.

    ``key`` goes into the header X-API-Key. ``http`` is a client of httpx that the caller set up and closes.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        retries: Retries = Retries(),  # noqa: B008 - frozen
        http: httpx.Client | None = None,
    ) -> None:
        self._http = http or httpx.Client(timeout=TIMEOUT_SECONDS)
        self._is_ours = http is None
        self._exchange = Exchange(url, key, retries)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections, unless the caller brought them."""
        if self._is_ours:
            self._http.close()

    def recommendations(self, user_id: Id, n: int = 10, **query: Any) -> Recommendations:
        """A user's list, best first; ``query`` as the API has it: filter, exclude, after, diversity, ..."""
        return self._complete(calls.recommendations(user_id, n, query))

    def popular(self, n: int = 10, **query: Any) -> PopularItems:
        """The popular items; ``query``: category, offset."""
        return self._complete(calls.popular(n, query))

    def trending(self, n: int = 10, **query: Any) -> PopularItems:
        """The trending items; ``query``: half_life (seconds), category, offset."""
        return self._complete(calls.trending(n, query))

    def similar_items(self, item_id: Id, n: int = 10, **query: Any) -> SimilarItems:
        """The items most similar to one item."""
        return self._complete(calls.similar_items(item_id, n, query))

    def rank(self, user_id: Id, item_ids: Sequence[Id], **query: Any) -> RankedItems:
        """Order the given items by a user's taste; ``query``: strength, known, filter."""
        return self._complete(calls.rank(user_id, item_ids, query))

    def history(self, user_id: Id, n: int = 10) -> History:
        """A user's history, newest first."""
        return self._complete(calls.history(user_id, n))

    def send_events(self, events: Sequence[Event]) -> Accepted:
        """Send at most 1,000 events; answers once Kafka has acknowledged them, and names the refused ones."""
        return self._complete(calls.send_events(events))

    def put_item(self, item_id: Id, **metadata: Any) -> CatalogAccepted:
        """Write an item's metadata: title, categories, attributes."""
        return self._complete(calls.put_item(item_id, metadata))

    def put_user(self, user_id: Id, **metadata: Any) -> CatalogAccepted:
        """Write a user's metadata: attributes."""
        return self._complete(calls.put_user(user_id, metadata))

    def erase_user(self, user_id: Id) -> Erasure:
        """Start the erasure of a user; give the answer's receipt to `erasure` to follow it."""
        return self._complete(calls.erase_user(user_id))

    def erasure(self, receipt: str) -> Erasure:
        """The progress of an erasure."""
        return self._complete(calls.erasure(receipt))

    def _complete(self, call: Call[T]) -> T:
        request = self._exchange.request(self._http, call)
        attempt = 1
        while isinstance(result := self._exchange.result(call, attempt, self._send(request)), Pause):
            time.sleep(result.seconds)
            attempt += 1
        return result

    def _send(self, request: httpx.Request) -> httpx.Response | httpx.TransportError:
        try:
            return self._http.send(request)
        except httpx.TransportError as error:
            return error
