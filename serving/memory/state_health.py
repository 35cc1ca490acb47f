"""Why answers are stale although Redis answers: it has lost the state, or a rebuild is writing it."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from contracts.redis_memory import SECTIONS, RedisMemory, info_of_all, memory_fault, memory_of
from contracts.state_version import state_fault
from contracts.stored import keyspace
from serving.redis.store import Store

_log = logging.getLogger(__name__)
REBUILDING = "`headwater rebuild` is writing the state again: answers are stale until it has ended"
ABSENT = (
    "Redis does not hold the state: it was emptied, a topic was created again, or streaming has never run "
    "here. Start streaming, which says what else is to be done, or run `headwater rebuild` while it runs"
)


class StateHealth(Collector):
    """What is wrong, as of the last refresh. Whether the state is there, ``Store.state`` knows at once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._said: str | None = None
        self._is_rebuilding = False
        self._memory: RedisMemory | None = None

    async def refresh(self) -> None:
        """Ask again. Raises StoreError."""
        (rebuilding,) = await self._store.ask(("EXISTS", keyspace.STATE_REBUILDING))
        self._is_rebuilding = bool(rebuilding)
        self._memory = memory_of(info_of_all(await self._store.info(SECTIONS)))
        self._store.state.is_full = self._memory.refuses_writes
        reason = self.reason
        if reason != self._said:
            _log.log(
                logging.WARNING if reason else logging.INFO, "%s", reason or "Redis holds the state again"
            )
        self._said = reason

    @property
    def reason(self) -> str | None:
        """Why answers are stale, in a sentence with the cure; None where all is well."""
        if not self._store.state.is_there:
            return REBUILDING if self._is_rebuilding else self._absence()
        fault = None if self._memory is None else memory_fault(self._memory)
        return None if fault is None else str(fault)

    def _absence(self) -> str:
        other = self._store.state.other_version
        return str(state_fault(other)) if other else ABSENT

    def collect(self) -> Iterator[Metric]:
        """Gauges; none before the first answer of Redis."""
        if self._memory is None:
            return
        missing = float(not self._store.state.is_there)
        for name, text, value in (
            ("state_missing", "1: Redis does not hold the state, or a rebuild is writing it.", missing),
            (
                "full",
                "1: Redis refuses writes, or will with the next ones.",
                float(self._memory.refuses_writes),
            ),
            ("may_evict", "1: Redis deletes keys when it is full.", float(self._memory.may_evict)),
            ("used_bytes", "Memory that Redis uses.", self._memory.used_bytes),
            ("max_bytes", "Redis' maxmemory; 0: no limit.", self._memory.max_bytes),
        ):
            yield GaugeMetricFamily(f"headwater_redis_{name}", text, value=value)
        yield CounterMetricFamily(
            "headwater_redis_evicted_keys",
            "Keys that Redis deleted because it was full.",
            value=self._memory.evicted_keys,
        )
