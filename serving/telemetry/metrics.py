"""The metrics of /metrics. No label holds an id, so every label has only a few values."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_FRESHNESS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)
# By this variable, prometheus_client keeps each worker's figures in files of a folder; a scrape sums them.
FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


class Metrics:
    """The API's metrics in a registry of their own, so that one process may hold several apps."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.request_seconds = Histogram(
            "headwater_api_request_seconds",
            "Time to answer a request.",
            ("route", "method", "status"),
            buckets=_SECONDS,
            registry=registry,
        )
        self.freshness = Histogram(
            "headwater_api_freshness_seconds",
            "How far the state of a user's list lay behind this machine's clock.",
            buckets=_FRESHNESS,
            registry=registry,
        )
        self.answers = self._counter("answers", "Answers by the source of their first item.", "source")
        self.stale_answers = self._counter("stale_answers", "Answers given without Redis.")
        self.redis_errors = self._counter("redis_errors", "Reads that Redis failed, by kind.", "kind")
        self.events = self._counter("events", "Events posted, by outcome.", "outcome")
        self.exposures = self._counter(
            "exposures", "Lists that were shown, on their way to Kafka, by outcome.", "outcome"
        )
        self.recommendation_ids = self._counter(
            "recommendation_ids", "Ids that clients named, by outcome: genuine or forged.", "outcome"
        )
        self._refused = self._counter(
            "refused_requests",
            "Refused before any work, by reason: busy, or over a client's rate.",
            "reason",
        )
        self._model_created: float | None = None
        self._age = Gauge(
            "headwater_api_model_age_seconds",
            "Age of the served model; NaN before the first.",
            multiprocess_mode="livemostrecent",
            registry=registry,
        )
        self._count_by_source: dict[str | None, Callable[[], None]] = {}
        self._others: list[Collector] = []

    def _counter(self, name: str, help_text: str, *labels: str) -> Counter:
        return Counter(f"headwater_api_{name}_total", help_text, labels, registry=self.registry)

    def add(self, collector: Collector) -> None:
        """Show the figures of a further collector, which are the same in every worker."""
        self._others.append(collector)

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format, summed over the workers where there are several."""
        created = self._model_created
        self._age.set(time.time() - created if created else float("nan"))
        shown, folder = CollectorRegistry(), os.environ.get(FOLDER_VARIABLE)
        if folder is None:
            shown.register(self.registry)
            ProcessCollector(registry=shown)
            PlatformCollector(registry=shown)
        else:
            forget_the_dead(Path(folder))
            MultiProcessCollector(shown, folder)  # type: ignore[no-untyped-call]
        for collector in self._others:
            shown.register(collector)
        return generate_latest(shown)

    def refusal_counter(self, reason: Literal["busy", "rate"]) -> Callable[[], None]:
        """A function that counts one refusal with this reason."""
        return self._refused.labels(reason).inc

    def count_answer(self, source: str | None, stale: bool, lag_ms: int | None = None) -> None:
        """Count one list that was given, by the source of its first item."""
        count = self._count_by_source.get(source)
        if count is None:  # there are few sources, and prometheus_client looks labels up slowly
            count = self._count_by_source[source] = self.answers.labels(source or "none").inc
        count()
        if lag_ms is not None:
            self.freshness.observe(lag_ms / 1000)
        if stale:
            self.stale_answers.inc()

    def set_model_created(self, at: float | None) -> None:
        """Set when the served model was made, in seconds since 1970."""
        self._model_created = at


def forget_the_dead(folder: Path) -> None:
    """Remove the gauges of workers that have ended from the folder; their counters stay."""
    for pid in {int(file.stem.rsplit("_", 1)[1]) for file in folder.glob("gauge_live*.db")}:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]
