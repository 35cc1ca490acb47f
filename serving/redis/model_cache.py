"""The item ids of the newest models, kept in the process: lists in Redis name items by index."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from contracts.stored.manifest import BlendRecord

_log = logging.getLogger(__name__)
KEPT_VERSIONS = 2  # the served version, and the one before it for a rollback


class Model(NamedTuple):
    """A published model version: the item of each index."""

    version: str
    item_ids: list[str]
    new_ids: list[str]  # items that came after its training; it grows while the version is served
    trending_leads: bool = False  # the gate found no model better than recent popularity yet
    blend: BlendRecord | None = None  # the blend that ranks; None: the factors alone do
    made_ms: int = 0  # epoch ms

    @property
    def with_known_items(self) -> bool:
        """Whether the model's lists may hold items that their users know."""
        return self.blend is not None and self.blend.with_known_items

    @property
    def follows_trends(self) -> bool:
        """Whether the model's lists change while its user is idle: live trends have a weight in its blend."""
        blend = self.blend
        return blend is not None and any(
            signal.is_live_trend and (blend.hot.get(name) or blend.cold.get(name))
            for name, signal in blend.signals.items()
        )

    def item_at(self, index: int) -> str | None:
        """The item of an index; None for an index beyond all known items."""
        place = index - len(self.item_ids)
        if place < 0:
            return self.item_ids[index]
        return self.new_ids[place] if place < len(self.new_ids) else None


class ModelCache:
    """Loads each version once, at its first request. Requests that waited long get the version before."""

    def __init__(self, load: Callable[[str], Coroutine[Any, Any, Model]], patience: float) -> None:
        self._load = load
        self._patience = patience
        self._loads: dict[str, asyncio.Task[Model]] = {}
        self.latest: Model | None = None

    async def get(self, version: str | None, patience: float | None = None) -> Model | None:
        """The model of a version; the one before if loading takes longer than ``patience`` seconds."""
        if version is None:
            self.latest = None
        elif self.latest is None or self.latest.version != version:
            await self._switch(version, patience or self._patience)
        return self.latest

    async def _switch(self, version: str, patience: float) -> None:
        task = self._loads.get(version)
        if task is None:
            task = self._loads[version] = asyncio.create_task(self._load(version))
        # Not wait_for, which would cancel the load: it goes on for the next request.
        done, _ = await asyncio.wait({task}, timeout=patience)
        if not done:
            return
        if task.exception() is not None:
            self._loads.pop(version, None)
            _log.warning("item ids of model %s cannot be loaded: %s", version, task.exception())
            return
        self.latest = task.result()
        for old in list(self._loads)[:-KEPT_VERSIONS]:
            del self._loads[old]
