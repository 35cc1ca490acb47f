"""The titles of the whole catalogue, for the page's search; they are read when somebody searches."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from serving.redis.reads.item import catalogue_titles
from serving.redis.store import Store, StoreError

MAX_ITEMS = 200_000
FRESH_SECONDS = 60.0


class Titles:
    """A bounded copy of the titles. The first search reads it, and so does a search a minute later."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._searched: dict[str, str] = {}
        self._fresh_until = -1.0
        self._reading: asyncio.Task[None] | None = None

    async def by_item(self) -> Mapping[str, str]:
        """Title and id of each item in lower case, by id; the first caller waits until they are read."""
        if self._clock() > self._fresh_until and (self._reading is None or self._reading.done()):
            self._reading = asyncio.create_task(self._read())
        if not self._searched and self._reading is not None:
            await asyncio.shield(self._reading)
        return self._searched

    async def _read(self) -> None:
        found: dict[str, str] = {}
        # What cannot be read now is read by a later search; where Redis lost the catalogue, the copy stays.
        with suppress(StoreError):
            async for page in catalogue_titles(self._store):
                for item_id, title in page:
                    found[item_id] = f"{title or ''}\n{item_id}".casefold()
                if len(found) >= MAX_ITEMS:
                    break
            if not self._store.state.is_worth_less(len(found), len(self._searched)):
                self._searched, self._fresh_until = found, self._clock() + FRESH_SECONDS
