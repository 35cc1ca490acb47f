"""Keeps something large of one model version: loaded when first needed, once for all requests that wait."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

_log = logging.getLogger(__name__)
PATIENCE_SECONDS = 2.0
T = TypeVar("T")


class VersionCache(Generic[T]):
    """Holds the newest version asked for."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._version: str | None = None
        self._load: asyncio.Task[T | None] | None = None

    async def get(self, version: str, load: Callable[[], Coroutine[Any, Any, T | None]]) -> T | None:
        """What ``load`` returned for the version; None where it fails (logged) or takes too long.

        After a failure the next request begins a new load; a None that ``load`` returned is kept.
        """
        if self._load is None or self._version != version:
            self._version, self._load = version, asyncio.create_task(load())
        task = self._load  # while this one waits, another request may begin the next
        # Not wait_for: the load goes on for the next request.
        done, _ = await asyncio.wait({task}, timeout=PATIENCE_SECONDS)
        if not done:
            return None
        if task.exception() is not None:
            _log.warning("%s of model %s cannot be loaded: %s", self._what, version, task.exception())
            if self._load is task:
                self._load = None
            return None
        return task.result()
