"""What was shown to whom lately, for ``rotation``: bounded, expiring, off by default (SHOWN_SECONDS).

Impressions are noted in memory and written once a second in one pipeline, so that no answer waits for it.
What is not written when the process ends is lost.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from contracts.settings import ServingSettings
from contracts.stored import keyspace
from serving.redis.batches import Command
from serving.redis.store import BACKGROUND_SECONDS, Store

MAX_WAITING = 10_000  # answers; beyond, the oldest are forgotten
_ANSWERS_AT_ONCE = 200


class _Impression(NamedTuple):
    user_id: str
    items: Sequence[str]
    at: int  # epoch ms


class Impressions:
    """The impressions that this process has noted and not yet written."""

    def __init__(self, store: Store, settings: ServingSettings) -> None:
        self._store, self._settings = store, settings
        self._waiting: deque[_Impression] = deque(maxlen=MAX_WAITING)
        self.enabled = settings.shown_seconds > 0

    def note(self, user_id: str, items: Iterable[str]) -> None:
        """Remember that an answer showed the items."""
        if self.enabled and user_id:
            self._waiting.append(_Impression(user_id, list(items), time.time_ns() // 1_000_000))

    async def refresh(self) -> None:
        """Write the notes of now. Raises StoreError, and forgets what could not be written.

        What answers add meanwhile is written the next time: a busy API would never end otherwise.
        """
        left = len(self._waiting)
        while left > 0:
            batch = [self._waiting.popleft() for _ in range(min(_ANSWERS_AT_ONCE, left))]
            left -= len(batch)
            commands = [command for each in batch if each.items for command in self._commands(each)]
            if commands:
                await self._store.ask_alone(*commands, seconds=BACKGROUND_SECONDS)

    def _commands(self, shown: _Impression) -> Iterable[Command]:
        key = keyspace.shown_items(shown.user_id, self._store.shards)
        yield ("ZADD", key, *(part for item in shown.items for part in (shown.at, item)))
        yield ("ZREMRANGEBYRANK", key, 0, -self._settings.shown_items - 1)
        yield ("EXPIRE", key, self._settings.shown_seconds)
