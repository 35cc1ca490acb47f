"""Lists that were shown and never reached Kafka, because their API process was killed or ended before.

Each process counts in a file (count.py). Any other process that finds the file of a dead one keeps
the number in Redis, under the dead process's name: to keep it again changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from contracts.exposures import Loss, sum_of_losses
from contracts.stored import keyspace
from serving.exposures.count import DeadCount, dead_counts
from serving.redis.store import Store

_LOOK_SECONDS = 10.0
_log = logging.getLogger(__name__)


class LostExposures(Collector):
    """Looks for the files of dead processes a few times a minute, and shows the number of all of them."""

    def __init__(
        self, store: Store, folder: Path | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store, self._folder, self._clock = store, folder, clock
        self._looked_at = float("-inf")
        self._total: int | None = None
        self._warned = False

    async def refresh(self) -> None:
        """Keep what dead processes lost, and read the number of all. Raises StoreError, and tries again."""
        if self._clock() - self._looked_at < _LOOK_SECONDS:
            return
        for dead in await asyncio.to_thread(self._dead):
            loss = Loss(dead.lost, time.time_ns() // 1_000_000).encode()
            (is_new,) = await self._store.ask_alone(("HSETNX", keyspace.LOST_EXPOSURES, dead.name, loss))
            dead.path.unlink(missing_ok=True)
            if is_new:
                _log.warning(
                    "an API process ended before Kafka had all that it showed: up to %d lists are lost",
                    dead.lost,
                )
        (fields,) = await self._store.ask(("HGETALL", keyspace.LOST_EXPOSURES))
        self._total = sum_of_losses(fields).lists
        self._looked_at = self._clock()

    def _dead(self) -> list[DeadCount]:
        if self._folder is None:
            return []
        try:
            return list(dead_counts(self._folder))
        except OSError as error:
            if not self._warned:
                _log.warning("what killed processes lost is not counted: %s", error)
            self._warned = True
            return []

    def collect(self) -> Iterator[Metric]:
        """One counter; nothing before Redis has answered."""
        if self._total is not None:
            yield CounterMetricFamily(
                "headwater_api_exposures_lost",
                "Lists that were shown by processes that ended before Kafka had them.",
                value=self._total,
            )
