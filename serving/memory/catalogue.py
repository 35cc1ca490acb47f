"""What answers need to know about items, kept in this process for half a minute."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from itertools import islice

from serving.question.item_facts import UNKNOWN_ITEM, ItemFacts
from serving.redis.reads.item import catalogue_entries
from serving.redis.store import Store, StoreError

FRESH_SECONDS = 30.0
MAX_ITEMS = 200_000
_PAGE = 1000


class _FactsByItem(dict[str, ItemFacts]):
    """Item -> its facts, the oldest first; UNKNOWN_ITEM for an item that is not there."""

    def __missing__(self, item_id: str) -> ItemFacts:
        return UNKNOWN_ITEM


class Catalogue:
    """A bounded cache over the catalogue in Redis.

    While Redis is down, and after it has lost the catalogue, old facts are kept: a hidden item must stay
    hidden.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._facts = _FactsByItem()
        # Called for every candidate of every answer, so this is the dictionary's own method.
        self.get: Callable[[str], ItemFacts] = self._facts.__getitem__
        # Items that were read lately. The set is emptied every half minute, for all items at once: a question
        # for many items costs as much as one for a single item.
        self._fresh: set[str] = set()
        self._fresh_until = 0.0

    async def load(self, item_ids: Iterable[str]) -> None:
        """Bring the items into memory: asks Redis once for those that are missing or old."""
        now, wanted = self._clock(), list(item_ids)
        if now > self._fresh_until:
            self._fresh, self._fresh_until = set(), now + FRESH_SECONDS
        fresh = self._fresh
        if fresh.issuperset(wanted):
            return
        missing = [item for item in wanted if item not in fresh]
        for start in range(0, len(missing), _PAGE):
            page = missing[start : start + _PAGE]
            try:
                found = await catalogue_entries(self._store, page)
            except StoreError:
                return
            is_whole = self._store.state.is_there
            for item, facts in zip(page, found, strict=True):
                if is_whole or facts is not UNKNOWN_ITEM:
                    self._facts.pop(item, None)
                    self._facts[item] = facts
                    fresh.add(item)
        self._forget_the_oldest()

    def _forget_the_oldest(self) -> None:
        for item in list(islice(self._facts, max(0, len(self._facts) - MAX_ITEMS))):
            del self._facts[item]
            self._fresh.discard(item)
