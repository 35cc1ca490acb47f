"""The items published last, kept in the process."""

from __future__ import annotations

import time
from collections.abc import Sequence

from serving.redis.reads.lists import newest_page
from serving.redis.store import Store

HEAD = 500


class NewestList:
    """A copy of the head of ``keyspace.NEWEST``, as fresh as its last refresh."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._head: Sequence[tuple[str, float]] = ()

    async def refresh(self) -> None:
        """Read the head again. Keeps what it has where the state was lost, and raises StoreError."""
        head = await newest_page(self._store, time.time_ns() // 1_000_000, 0, HEAD)
        if not self._store.state.is_worth_less(len(head), len(self._head)):
            self._head = head

    def head(self, now_ms: int) -> list[tuple[str, float]]:
        """Items with the time of their publication (epoch ms), not after ``now_ms``, the newest first."""
        return [(item_id, published) for item_id, published in self._head if published <= now_ms]
