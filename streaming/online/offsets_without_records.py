"""Passes over offsets without a record at the end of a partition, which would otherwise count as lag."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from clients.event_producer import BrokerUnavailableError
from clients.kafka_options import Servers
from clients.offsets_without_records import has_no_record
from contracts.topics import lagging
from streaming.state.applied_offsets import Move, advance_applied
from streaming.state.client import StateClient
from streaming.state.gate import writing

log = logging.getLogger("headwater.online")
_STANDING_SECONDS = 2.0  # Kafka is asked only about partitions that have not moved for this long


class _End(NamedTuple):
    partition: str  # "topic:partition"
    applied: int
    end: int


class EndsWithoutRecord:
    """Asks Kafka about each end whether a record lies there: once, because the answer does not change."""

    def __init__(
        self, client: StateClient, servers: Servers, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client, self._servers, self._clock = client, servers, clock
        self._ask_at: dict[_End, float] = {}

    def pass_over(self, ends: Mapping[str, int], applied: Mapping[str, int]) -> None:
        """Move the applied offsets over ends without a record. To be called a few times a second."""
        now = self._clock()
        behind = [_End(name, applied[name], ends[name]) for name in lagging(ends, applied) if name in applied]
        self._ask_at = {end: self._ask_at.get(end, now + _STANDING_SECONDS) for end in behind}
        for end, ask_at in self._ask_at.items():
            if now >= ask_at:
                self._ask_at[end] = self._ask_about(end)

    def _ask_about(self, end: _End) -> float:
        """Move the applied offset to an end without a record. Returns when to ask again."""
        try:
            is_empty = has_no_record(self._servers, *end)
        except BrokerUnavailableError as error:
            log.warning("Kafka does not say whether a record lies at the end of %s: %s", end.partition, error)
            return self._clock() + _STANDING_SECONDS
        if is_empty:
            with writing(self._client, "ends without a record"):
                advance_applied(self._client, {end.partition: Move(end.applied, end.end)})
        return math.inf
