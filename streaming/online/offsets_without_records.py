"""Ends of partitions that hold no record: nothing would ever be applied there, so they would count as lag."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from clients.bare_offsets import are_bare
from clients.event_producer import BrokerUnavailableError
from streaming.state.client import StateClient, advance_applied
from streaming.state.gate import writing

log = logging.getLogger("headwater.online")
_STANDING_SECONDS = 2.0  # a partition that moves is not asked about


class _End(NamedTuple):
    place: str  # "topic:partition"
    applied: int
    end: int


class BareEnds:
    """Looks at each end once: whether a record lies there does not change."""

    def __init__(
        self, client: StateClient, bootstrap: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client, self._bootstrap, self._clock = client, bootstrap, clock
        self._ask_at: dict[_End, float] = {}

    def pass_over(self, ends: Mapping[str, int], applied: Mapping[str, int]) -> None:
        """Called some times a second: moves the applied offsets over ends without a record."""
        now = self._clock()
        standing = [_End(place, applied[place], end) for place, end in ends.items() if place in applied]
        lagging = [end for end in standing if end.applied < end.end]
        self._ask_at = {end: self._ask_at.get(end, now + _STANDING_SECONDS) for end in lagging}
        for end, ask_at in self._ask_at.items():
            if now >= ask_at:
                self._ask_at[end] = self._passed(end)

    def _passed(self, end: _End) -> float:
        """Pass an end if it is bare. Returns when to ask again."""
        try:
            is_bare = are_bare(self._bootstrap, *end)
        except BrokerUnavailableError as error:
            log.warning("Kafka does not say what lies at the end of %s: %s", end.place, error)
            return self._clock() + _STANDING_SECONDS
        if is_bare:
            with writing(self._client, "bare end"):
                advance_applied(self._client, {end.place: (end.applied, end.end)})
        return math.inf
