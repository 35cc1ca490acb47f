"""The periodic trainer: one warm session, a round every so often, every so many events, or on request."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass

from pyspark.sql import SparkSession

from contracts.settings import TrainingSettings
from training.data import dataset
from training.registry.outcome import Manifest, Outcome, TrainingError
from training.registry.publish import Publisher
from training.report.round_line import round_line
from training.report.tracking import log_round
from training.rounds.round import Round, train
from training.runtime.failures import explained
from training.runtime.session import give_back_memory

log = logging.getLogger("headwater.training")
_EVENT_POLL_SECONDS = 5.0
_SETTLED = 1.1


@dataclass
class Trainer:
    """Decides when to train; ``round.train`` does it."""

    spark: SparkSession
    settings: TrainingSettings
    publisher: Publisher
    _last_round: float = 0.0
    _last_count: float = 0.0
    _events_before: int = 0

    def run(self, stopping: threading.Event) -> None:
        """Train until told to stop."""
        served = int(self.publisher.read_status().get("served_request", 0))
        self.publisher.write_status(phase="idle")
        while not stopping.wait(1.0):
            requested = self.publisher.requests()
            if requested > served:
                self._try_round(requested)
                served = requested
            elif self._is_due():
                self._try_round(None)

    def _try_round(self, request: int | None) -> None:
        """What a person can put right does not end the trainer: the next round may find it done."""
        try:
            self.train_once(request)
        except TrainingError as error:
            log.error(error)
        give_back_memory(self.spark)

    def train_once(self, request: int | None = None) -> tuple[Outcome, Manifest | None]:
        """One round, logged on one line. A failure is logged and raised."""
        started = time.monotonic()
        champion = self.publisher.current()[1]
        phase = lambda name: self.publisher.write_status(phase=name)  # noqa: E731
        try:
            outcome, manifest = train(Round(self.spark, self.settings, self.publisher, phase))
        except Exception as error:
            told = explained(error)
            self._finish(request, "failed", None, reason=str(told or error))
            if told is None:
                raise
            raise told from error
        log.info(round_line(outcome, manifest, champion, time.monotonic() - started))
        self._finish(request, outcome, manifest)
        log_round(self.settings, outcome, manifest)
        return outcome, manifest

    def _finish(self, request: int | None, outcome: str, manifest: Manifest | None, reason: str = "") -> None:
        version = manifest["version"] if manifest else ""
        status = {"phase": "idle", "outcome": outcome, "version": version, "reason": reason}
        if manifest:
            status |= {"gate": manifest["gate"]["reason"], "leads": manifest["gate"]["leads"]}
        if request is not None:
            status["served_request"] = str(request)
        self.publisher.write_status(**status)
        self._last_round = time.monotonic()

    def _is_due(self) -> bool:
        now, settings = time.monotonic(), self.settings
        is_first = not self._last_round
        waited = is_first or now - self._last_round >= settings.train_every_seconds
        by_time = bool(settings.train_every_seconds) and waited
        if not (by_time or settings.train_every_events) or now - self._last_count < _EVENT_POLL_SECONDS:
            return False
        self._last_count = now
        events, before = self._new_events(), self._events_before
        self._events_before = events
        if 0 < settings.train_every_events <= events:
            return True
        # The first round of a life: not in the middle of a replay, whose rest would wait for the next.
        return by_time and (has_settled(events, before) if is_first else events > 0)

    def _new_events(self) -> int:
        version = dataset.newest_version(self.spark, self.settings.lake_uri)
        if version is None:
            return 0
        champion = self.publisher.current()[1]
        learnt = champion["counts"]["interactions"] if champion else 0
        # Delta answers a bare count from its log, without reading a file.
        rows = dataset.read_interactions(self.spark, self.settings.lake_uri, version).count()
        return rows - int(learnt)


def has_settled(events: int, before: int) -> bool:
    """Whether there is something new, and since the last look hardly more came: a replay has ended."""
    return 0 < events <= _SETTLED * before
