"""The most popular items, kept in the process: the fallback's first pages, and the answer without Redis."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence

from contracts.stored.records import Popularity
from serving.memory.catalogue import Catalogue
from serving.redis.reads.item import popularity
from serving.redis.reads.lists import popular_page
from serving.redis.store import BACKGROUND_SECONDS, Store, StoreError

PAGE_SIZE = 2000
_SLICE = 200


class PopularList:
    """A copy of the head of ``keyspace.POPULAR``, as fresh as its last refresh."""

    def __init__(self, store: Store, catalogue: Catalogue) -> None:
        self._store = store
        self._catalogue = catalogue
        self._page: Sequence[tuple[str, float]] = ()
        # Decoded only where it is shown: the list is read again each second.
        self._liked: Mapping[str, bytes | None] = {}
        self._rounds = 0
        self._users = 0
        self.loaded = False  # whether it was ever read

    def __len__(self) -> int:
        return len(self._page)

    async def refresh(self) -> None:
        """Read the head again. Raises StoreError and keeps what it has.

        Where Redis has lost the state, the old list is kept until the new one has as many items.
        """
        page = await popular_page(self._store, 0, PAGE_SIZE, seconds=BACKGROUND_SECONDS)
        ids = [item_id for item_id, _ in page]
        liked = dict(zip(ids, await popularity(self._store, ids), strict=True))
        if self._store.state.is_worth_less(_count_liked(liked), _count_liked(self._liked)):
            return
        # The record begins with its number of users; decoding all of it each second would cost more.
        self._users = sum(int.from_bytes(raw[:4], "big") for raw in liked.values() if raw)
        self._page, self._liked, self.loaded = page, liked, True
        await self._load_titles()

    async def _load_titles(self) -> None:
        """Load the titles of the first and of one further slice: all at once would hold up every request."""
        slices = max(1, -(-len(self._page) // _SLICE))
        start = self._rounds % slices * _SLICE
        self._rounds += 1
        for first in {0, start}:
            await self._catalogue.load(item_id for item_id, _ in self._page[first : first + _SLICE])

    def head(self) -> Sequence[tuple[str, float]]:
        """Items and scores, as far as memory holds them; empty when Redis never answered."""
        return self._page

    async def read_popularity(self, item_ids: Sequence[str]) -> list[Popularity]:
        """How each item is liked; all zero without an interaction. Raises StoreError beyond the head."""
        beyond = [item_id for item_id in item_ids if item_id not in self._liked]
        found = {**self._liked, **dict(zip(beyond, await popularity(self._store, beyond), strict=True))}
        return [Popularity.decode(raw) if (raw := found[item_id]) else Popularity() for item_id in item_ids]

    @property
    def users(self) -> int:
        """The sum of the users of all its items, with which the users of one item are compared."""
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


def _count_liked(liked: Mapping[str, bytes | None]) -> int:
    """How many items have a popularity; after a flush between the two reads, some have none."""
    return sum(raw is not None for raw in liked.values())
