"""Figures of streaming and training for /metrics: Redis holds them, and Prometheus scrapes only the API."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from contracts.stored import keyspace
from contracts.stored.pointer import AuditLine
from contracts.stored.statuses import ROUND_OUTCOMES, Fields, StreamingStatus, TrainingStatus
from contracts.topics import events_in
from serving.redis.store import Store


class ServiceFigures(Collector):
    """A copy that the refresher keeps, so that a scrape does not read Redis."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._streaming: StreamingStatus | None = None
        self._training = TrainingStatus()
        self._online: Fields = {}
        self._lake: Fields = {}
        self._last_line: bytes | None = None
        self._decisions: Mapping[str, int] = {}

    async def refresh(self) -> None:
        """Read them again. Raises StoreError and keeps what it has."""
        last, streaming, training, self._online, self._lake = await self._store.ask(
            ("LINDEX", keyspace.MODEL_AUDIT, -1),
            ("HGETALL", keyspace.STREAMING_STATUS),
            ("HGETALL", keyspace.TRAINING_STATUS),
            ("HGETALL", keyspace.APPLIED_ONLINE),
            ("HGETALL", keyspace.APPLIED_LAKE),
        )
        self._streaming = StreamingStatus.decode(streaming) if streaming else None
        self._training = TrainingStatus.decode(training)
        if last != self._last_line:
            (lines,) = await self._store.ask_alone(("LRANGE", keyspace.MODEL_AUDIT, 0, -1))
            self._decisions = Counter(AuditLine.decode(line).action for line in lines)
            self._last_line = last

    def collect(self) -> Iterator[Metric]:
        """One metric family for each figure; a figure that nobody wrote yet is left out."""
        if self._streaming is not None:
            yield from self._streaming_figures(self._streaming)
        yield from _gauge("headwater_streaming_online_events", "Applied to Redis.", _events(self._online))
        yield from _gauge("headwater_streaming_lake_events", "Committed to the lake.", _events(self._lake))
        yield from self._training_figures()

    def _streaming_figures(self, status: StreamingStatus) -> Iterator[Metric]:
        yield from _gauge(
            "headwater_streaming_online_batch_seconds",
            "How long the last batch took.",
            status.online_batch_seconds,
        )
        yield from _gauge(
            "headwater_streaming_lake_batch_seconds",
            "How long the last commit took.",
            status.lake_batch_seconds,
        )
        yield from _gauge(
            "headwater_streaming_pending_users", "Users who wait to be folded in.", status.pending_users
        )
        yield from _gauge(
            "headwater_streaming_online_lag_seconds",
            "How far the online query lies behind now.",
            self._age(status.online_through),
        )
        yield from _gauge(
            "headwater_streaming_heartbeat_age_seconds",
            "Since streaming last said that it is well.",
            self._age(status.heartbeat),
        )
        yield from _gauge(
            "headwater_streaming_topic_events", "In Kafka's topic of interactions.", status.topic_events
        )
        yield from _gauge(
            "headwater_streaming_unread_share",
            "Of what Kafka keeps, the part that the lake lacks; 1: Kafka deletes it next.",
            status.unread_share,
        )
        lost = float(status.state_lost is not None)
        yield from _gauge("headwater_streaming_state_lost", "1: Redis has lost the state.", lost)

    def _age(self, moment: int | None) -> float | None:
        """Seconds since a moment (epoch ms)."""
        return None if moment is None else max(0.0, self._clock() - moment / 1000)

    def _training_figures(self) -> Iterator[Metric]:
        yield from _gauge(
            "headwater_training_heartbeat_age_seconds",
            "Since the trainer last said that it is well.",
            self._age(self._training.heartbeat),
        )
        outcome = self._training.outcome
        if outcome in ROUND_OUTCOMES:
            last = GaugeMetricFamily(
                "headwater_training_last_outcome", "1 for how the last round ended.", labels=["outcome"]
            )
            for each in ROUND_OUTCOMES:
                last.add_metric([each], float(each == outcome))
            yield last
            cause = self._training.cause or ""
            drift = GaugeMetricFamily(
                "headwater_training_drift", "1: drift asked for the last round, and why.", labels=["cause"]
            )
            drift.add_metric([cause], float(cause != ""))
            yield drift
        if self._decisions:
            decisions = GaugeMetricFamily(
                "headwater_model_decisions", "Moves and refusals, the last 1,000.", labels=["action"]
            )
            for action, count in self._decisions.items():
                decisions.add_metric([action], count)
            yield decisions


def _gauge(name: str, text: str, value: float | None) -> Iterator[Metric]:
    if value is not None:
        yield GaugeMetricFamily(name, text, value=value)


def _events(offsets: Fields) -> float | None:
    named = {source.decode(): int(offset) for source, offset in offsets.items()}
    return float(events_in(named)) if named else None
