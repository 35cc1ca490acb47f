"""The background of the API: keeps its copies, the model's item ids and its age fresh."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from serving.redis.reads.model import current_version, read_manifest
from serving.redis.store import Store, StoreError
from serving.telemetry.metrics import Metrics

_log = logging.getLogger(__name__)


class Refreshable(Protocol):
    """A copy of something that Redis holds."""

    async def refresh(self) -> None:
        """Read it again. Raises StoreError and keeps what it has."""


class Refresher:
    """One task that refreshes all copies; by its reads the breaker also learns that Redis is back."""

    def __init__(
        self, store: Store, copies: Sequence[Refreshable], metrics: Metrics, every_seconds: float
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._every = every_seconds
        self._version: str | None = None
        self._reachable = True
        self._steps = [(type(each).__name__, each.refresh) for each in copies]
        self._steps += [("the model's items", store.warm_up), ("the manifest", self._note_model)]
        self._broken: set[str] = set()
        self.first_round = asyncio.Event()

    async def run(self) -> None:
        """Refresh until cancelled."""
        while True:
            await self.once()
            self.first_round.set()
            await asyncio.sleep(self._every)

    async def once(self) -> None:
        """One round; trouble is logged when it begins and when it ends."""
        try:
            for name, refresh in self._steps:
                await self._refresh_one(name, refresh)
        except StoreError as error:
            if self._reachable:
                _log.warning("answers are stale: %s", error)
            self._reachable = False
            return
        if not self._reachable:
            _log.info("Redis answers again")
        self._reachable = True

    async def _refresh_one(self, name: str, refresh: Callable[[], Awaitable[None]]) -> None:
        """Refresh one copy. Redis may hold damaged data; the other copies must still be refreshed."""
        try:
            await refresh()
        except StoreError:
            raise
        except Exception:
            if name not in self._broken:
                _log.exception("%s cannot be read and stays as it is", name)
            self._broken.add(name)
        else:
            self._broken.discard(name)

    async def _note_model(self) -> None:
        version = await current_version(self._store)
        if version != self._version:
            manifest = await read_manifest(self._store, version) if version else None
            self._metrics.set_model_created(manifest.created_seconds if manifest else None)
            self._version = version
            _log.info("serving model %s", version)
