"""The most popular items, kept in the process: the fallback's first pages, and the answer without Redis."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import NamedTuple

from contracts.stored.records import Popularity
from serving.memory.catalogue import Catalogue
from serving.redis.reads.item import popularity
from serving.redis.reads.lists import popular_page
from serving.redis.store import BACKGROUND_SECONDS, Store, StoreError

PAGE_SIZE = 2000
_SLICE = 200


class PopularEntry(NamedTuple):
    """An item of the list, best first."""

    item_id: str
    score: float
    raw: bytes | None  # decoded only where it is shown: the list is read again each second
    title: str | None

    @property
    def popularity(self) -> Popularity:
        """How the item is liked; all zero without an interaction."""
        return Popularity.decode(self.raw) if self.raw else Popularity()


class PopularList:
    """A copy of the head of ``keyspace.POPULAR``, as fresh as its last refresh."""

    def __init__(self, store: Store, catalogue: Catalogue) -> None:
        self._store = store
        self._catalogue = catalogue
        self._page: Sequence[tuple[str, float]] = ()
        self._liked: Sequence[bytes | None] = ()
        self._rounds = 0
        self._users = 0
        self.loaded = False  # whether it was ever read

    def __len__(self) -> int:
        return len(self._page)

    async def refresh(self) -> None:
        """Read the head again. Raises StoreError and keeps what it has."""
        page = await popular_page(self._store, 0, PAGE_SIZE, seconds=BACKGROUND_SECONDS)
        liked = await popularity(self._store, [item_id for item_id, _ in page])
        # The record begins with its number of users; decoding all of it each second would cost more.
        self._users = sum(int.from_bytes(raw[:4], "big") for raw in liked if raw)
        self._page, self._liked, self.loaded = page, liked, True
        await self._load_titles()

    async def _load_titles(self) -> None:
        """Load the titles of one slice: all at once would hold up every request of that moment."""
        slices = max(1, -(-len(self._page) // _SLICE))
        start = self._rounds % slices * _SLICE
        self._rounds += 1
        for first in {0, start}:
            await self._catalogue.load(item_id for item_id, _ in self._page[first : first + _SLICE])

    def head(self, n: int) -> Sequence[PopularEntry]:
        """The first n items; empty when Redis never answered."""
        return [
            PopularEntry(item_id, score, raw, self._catalogue.get(item_id).title)
            for (item_id, score), raw in zip(self._page[:n], self._liked[:n], strict=True)
        ]

    @property
    def users(self) -> int:
        """The sum of the users of all its items, to which an item's own users are compared."""
        return self._users

    async def pages(self) -> AsyncGenerator[Sequence[tuple[str, float]], None]:
        """Every known item with its score, best first: from memory, then from Redis page by page."""
        items = self._page
        for start in range(0, len(items), _SLICE):
            yield items[start : start + _SLICE]
        start, more = len(items), len(items) == PAGE_SIZE
        while more:
            try:
                page = await popular_page(self._store, start, PAGE_SIZE)
            except StoreError:
                return
            yield page
            start, more = start + PAGE_SIZE, len(page) == PAGE_SIZE
