"""What /metrics shows. No label ever holds an id: every label has a handful of values."""

from __future__ import annotations

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """The API's metrics in a registry of their own, so that one process may hold several apps."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self.request_seconds = Histogram(
            "headwater_api_request_seconds",
            "Time to answer a request.",
            ("route", "method", "status"),
            buckets=_SECONDS,
            registry=registry,
        )
        self.answers = Counter(
            "headwater_api_answers_total",
            "Answers by the source of their first item.",
            ("source",),
            registry=registry,
        )
        self.stale_answers = Counter(
            "headwater_api_stale_answers_total", "Answers given without Redis.", registry=registry
        )
        self.redis_errors = Counter(
            "headwater_api_redis_errors_total",
            "Reads that Redis failed, by kind.",
            ("kind",),
            registry=registry,
        )
        self.events = Counter(
            "headwater_api_events_total", "Events posted, by outcome.", ("outcome",), registry=registry
        )
        self._model_created: float | None = None
        self._count_by_source: dict[str | None, Callable[[], None]] = {}
        age = Gauge(
            "headwater_api_model_age_seconds",
            "Age of the served model; NaN before the first.",
            registry=registry,
        )
        age.set_function(lambda: time.time() - self._model_created if self._model_created else float("nan"))

    def answered(self, source: str | None, stale: bool) -> None:
        """Count one list that was given, by the source of its first item."""
        count = self._count_by_source.get(source)
        if count is None:  # sources are few, and prometheus_client looks labels up slowly
            count = self._count_by_source[source] = self.answers.labels(source or "none").inc
        count()
        if stale:
            self.stale_answers.inc()

    def model_created(self, at: float | None) -> None:
        """Epoch seconds at which the served model was made."""
        self._model_created = at
