"""Figures of streaming and training for /metrics: they write them to Redis, and only the API is scraped."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from contracts.stored import keyspace
from contracts.topics import events_in
from serving.redis.store import Store

# field of keyspace.STREAMING_STATUS -> metric, help
_FIELDS = (
    ("online_batch_seconds", "headwater_streaming_online_batch_seconds", "How long the last batch took."),
    ("lake_batch_seconds", "headwater_streaming_lake_batch_seconds", "How long the last commit took."),
    ("pending_users", "headwater_streaming_pending_users", "Users who wait to be folded in."),
)
# field with a moment (ms) -> metric of its age, help
_MOMENTS = (
    ("online_through", "headwater_streaming_online_lag_seconds", "How far the online query lies behind now."),
    ("heartbeat", "headwater_streaming_heartbeat_age_seconds", "Since streaming last said that it is well."),
)
OUTCOMES = ("published", "not_enough_data", "refused_by_gate", "lost_race", "refused_older", "failed")
Fields = Mapping[bytes, bytes]


class ServiceFigures(Collector):
    """A copy that the refresher keeps; shown without a question to Redis."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._streaming: Fields = {}
        self._training: Fields = {}
        self._online: Fields = {}
        self._lake: Fields = {}
        self._last_line: bytes | None = None
        self._decisions: Mapping[str, int] = {}

    async def refresh(self) -> None:
        """Read them anew. Raises StoreError and keeps what it has."""
        last, self._streaming, self._training, self._online, self._lake = await self._store.ask(
            ("LINDEX", keyspace.MODEL_AUDIT, -1),
            ("HGETALL", keyspace.STREAMING_STATUS),
            ("HGETALL", keyspace.TRAINING_STATUS),
            ("HGETALL", keyspace.APPLIED_ONLINE),
            ("HGETALL", keyspace.APPLIED_LAKE),
        )
        if last != self._last_line:
            (lines,) = await self._store.ask_alone(("LRANGE", keyspace.MODEL_AUDIT, 0, -1))
            self._decisions = Counter(str(json.loads(line).get("action")) for line in lines)
            self._last_line = last

    def collect(self) -> Iterator[Metric]:
        """One family a figure; a figure that nobody wrote yet is left out."""
        now = self._clock()
        for field, name, text in _FIELDS:
            yield from _gauge(name, text, _number(self._streaming.get(field.encode())))
        for field, name, text in _MOMENTS:
            moment = _number(self._streaming.get(field.encode()))
            yield from _gauge(name, text, None if moment is None else max(0.0, now - moment / 1000))
        lost = float(b"state_lost" in self._streaming) if self._streaming else None
        yield from _gauge("headwater_streaming_state_lost", "1: Redis has lost the state.", lost)
        yield from _gauge("headwater_streaming_online_events", "Applied to Redis.", _events(self._online))
        yield from _gauge("headwater_streaming_lake_events", "Committed to the lake.", _events(self._lake))
        yield from self._training_figures()

    def _training_figures(self) -> Iterator[Metric]:
        outcome = self._training.get(b"outcome", b"").decode()
        if outcome in OUTCOMES:
            last = GaugeMetricFamily(
                "headwater_training_last_outcome", "1 for how the last round ended.", labels=["outcome"]
            )
            for each in OUTCOMES:
                last.add_metric([each], float(each == outcome))
            yield last
        if self._decisions:
            made = GaugeMetricFamily(
                "headwater_model_decisions", "Of the last 1,000: moves and refusals.", labels=["action"]
            )
            for action, count in self._decisions.items():
                made.add_metric([action], count)
            yield made


def _gauge(name: str, text: str, value: float | None) -> Iterator[Metric]:
    if value is not None:
        yield GaugeMetricFamily(name, text, value=value)


def _number(text: bytes | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def _events(offsets: Fields) -> float | None:
    named = {source.decode(): int(offset) for source, offset in offsets.items()}
    return float(events_in(named)) if named else None
