"""What answers need of items, kept in the process for half a minute."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from serving.item_facts import UNKNOWN_ITEM, ItemFacts
from serving.reads.item import catalogue_entries
from serving.store import Store, StoreError

FRESH_SECONDS = 30.0
MAX_ITEMS = 200_000
_PAGE = 1000


class Catalogue:
    """A bounded cache over the catalogue in Redis; old facts are better than none when Redis is down."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._facts: dict[str, tuple[float, ItemFacts]] = {}  # item -> good until, facts; oldest first

    def get(self, item_id: str) -> ItemFacts:
        """What memory holds of the item."""
        held = self._facts.get(item_id)
        return held[1] if held is not None else UNKNOWN_ITEM

    async def load(self, item_ids: Iterable[str]) -> None:
        """Have the items in memory; asks Redis once for those that are missing or old."""
        now, held = self._clock(), self._facts
        missing = [item for item in item_ids if item not in held or held[item][0] < now]
        for start in range(0, len(missing), _PAGE):
            page = missing[start : start + _PAGE]
            try:
                found = await catalogue_entries(self._store, page)
            except StoreError:
                return
            for item, facts in zip(page, found, strict=True):
                held.pop(item, None)
                held[item] = (now + FRESH_SECONDS, facts)
        if missing:
            self._forget_the_oldest()

    def _forget_the_oldest(self) -> None:
        for item in list(self._facts)[: max(0, len(self._facts) - MAX_ITEMS)]:
            del self._facts[item]
