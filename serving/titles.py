"""Item titles, kept in the process for half a minute."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from serving.reads.item import titles
from serving.store import Store, StoreError

FRESH_SECONDS = 30.0
MAX_TITLES = 200_000
_PAGE = 1000


class Titles:
    """A bounded cache over the catalogue; an old title is better than none when Redis is down."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._titles: dict[str, tuple[float, str | None]] = {}  # item -> good until, title; oldest first

    async def of(self, item_ids: Iterable[str], from_memory: bool = False) -> list[str | None]:
        """A title or None for each item, in their order; ``from_memory`` asks Redis for nothing."""
        wanted = list(item_ids)
        now, held = self._clock(), self._titles
        missing = [item for item in wanted if item not in held or held[item][0] < now]
        if missing and not from_memory:
            await self._fetch(missing, now + FRESH_SECONDS)
        return [held[item][1] if item in held else None for item in wanted]

    async def _fetch(self, missing: list[str], good_until: float) -> None:
        held = self._titles
        for start in range(0, len(missing), _PAGE):
            page = missing[start : start + _PAGE]
            try:
                found = await titles(self._store, page)
            except StoreError:
                return
            for item, title in zip(page, found, strict=True):
                held.pop(item, None)
                held[item] = (good_until, title)
        for item in list(held)[: max(0, len(held) - MAX_TITLES)]:
            del held[item]
