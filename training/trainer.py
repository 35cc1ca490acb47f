"""The periodic trainer: one warm session, a round every so often, every so many events, or on request."""

from __future__ import annotations

import json
import logging
import threading
import time
from dataclasses import dataclass
from typing import Any

from pyspark.sql import SparkSession

from contracts.settings import TrainingSettings
from training import dataset
from training.model_folder import Manifest
from training.publish import Publisher
from training.round import Outcome, Round, train

log = logging.getLogger("headwater.training")
_EVENT_POLL_SECONDS = 5.0


@dataclass
class Trainer:
    """Decides when to train; ``round.train`` does it."""

    spark: SparkSession
    settings: TrainingSettings
    publisher: Publisher
    _last_round: float = 0.0
    _last_count: float = 0.0

    def run(self, stopping: threading.Event) -> None:
        """Train until told to stop."""
        served = int(self.publisher.read_status().get("served_request", 0))
        self.publisher.write_status(phase="idle")
        while not stopping.wait(1.0):
            requested = self.publisher.requests()
            if requested > served:
                self.train_once(request=requested)
                served = requested
            elif self._is_due():
                self.train_once()

    def train_once(self, request: int | None = None) -> tuple[Outcome, Manifest | None]:
        """One round, logged on one line. A failure is logged and raised."""
        started = time.monotonic()
        champion = self.publisher.current()[1]
        phase = lambda name: self.publisher.write_status(phase=name)  # noqa: E731
        try:
            outcome, manifest = train(Round(self.spark, self.settings, self.publisher, phase))
        except Exception:
            self._finish(request, "failed", None)
            raise
        log.info(round_line(outcome, manifest, champion, time.monotonic() - started))
        self._finish(request, outcome, manifest)
        return outcome, manifest

    def _finish(self, request: int | None, outcome: str, manifest: Manifest | None) -> None:
        status = {"phase": "idle", "outcome": outcome, "version": manifest["version"] if manifest else ""}
        if request is not None:
            status["served_request"] = str(request)
        self.publisher.write_status(**status)
        self._last_round = time.monotonic()

    def _is_due(self) -> bool:
        now, settings = time.monotonic(), self.settings
        by_time = settings.train_every_seconds and now - self._last_round >= settings.train_every_seconds
        if by_time:
            self._last_round = now
            return self._new_events() > 0
        if settings.train_every_events and now - self._last_count >= _EVENT_POLL_SECONDS:
            self._last_count = now
            return self._new_events() >= settings.train_every_events
        return False

    def _new_events(self) -> int:
        version = dataset.newest_version(self.spark, self.settings.lake_uri)
        if version is None:
            return 0
        champion = self.publisher.current()[1]
        learnt = champion["counts"]["interactions"] if champion else 0
        # Delta answers a bare count from its log, without reading a file.
        rows = dataset.read_interactions(self.spark, self.settings.lake_uri, version).count()
        return rows - int(learnt)


def round_line(outcome: Outcome, manifest: Manifest | None, champion: Manifest | None, seconds: float) -> str:
    """What a round did, for people who watch the log."""
    if manifest is None:
        reasons = {
            "not_enough_data": "not enough data yet (TRAIN_MIN_EVENTS): nothing trained",
            "refused_older": "the served model has learnt a newer lake: nothing trained",
        }
        return f"{reasons.get(outcome, outcome)}, {seconds:.1f} s"
    counts, metrics = manifest["counts"], manifest["metrics"]
    new = counts["interactions"] - (champion["counts"]["interactions"] if champion else 0)
    before = champion["metrics"] if champion else {}
    figures = ", ".join(_figure(name, metrics, before) for name in _SHOWN if name in metrics)
    learnt = f"learnt {new:,} new events ({counts['interactions']:,} in all)"
    return f"{outcome} {manifest['version']}: {learnt}; {figures}; {seconds:.1f} s"


_SHOWN = ("ndcg@10", "recall@10", "rmse")


def _figure(name: str, metrics: dict[str, Any], before: dict[str, Any]) -> str:
    previous = f"before {before[name]:.4f}" if name in before else "first"
    popular = f", popularity {metrics[f'popularity_{name}']:.4f}" if f"popularity_{name}" in metrics else ""
    return f"{name.upper()} {metrics[name]:.4f} ({previous}{popular})"


def as_json(outcome: Outcome, manifest: Manifest | None) -> str:
    """What `headwater train --json` prints."""
    return json.dumps({"outcome": outcome, "manifest": manifest}, indent=2)
