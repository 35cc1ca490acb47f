"""The periodic trainer: one warm session, rounds by time, by the number of new events, or on request."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from pyspark.sql import SparkSession

from contracts.settings import TrainingSettings
from contracts.stored.manifest import Manifest
from contracts.stored.statuses import TrainingStatus
from training.data import dataset
from training.drift.asked_rounds import AskedRound
from training.drift.new_events import DriftWatch
from training.registry.outcome import TrainingError
from training.registry.publish import Publisher
from training.report.round_line import NOTHING_TRAINED, round_line
from training.report.tracking import log_round
from training.rounds.round import Round, RoundResult, train
from training.runtime.failures import explain
from training.runtime.session import give_back_memory

log = logging.getLogger("headwater.training")
_EVENT_POLL_SECONDS = 5.0
_SETTLED = 1.1
_BEAT_SECONDS = 10.0


@dataclass
class Trainer:
    """Decides when to train; ``round.train`` then trains."""

    spark: SparkSession
    settings: TrainingSettings
    publisher: Publisher
    on_first_model: Callable[[], None] = lambda: None  # called once, as soon as a model is served
    drift: DriftWatch = field(init=False)
    _last_round: float = 0.0
    _last_beat: float = 0.0
    _last_count: float = 0.0
    _events_before: int = 0
    _rows_at: tuple[int, int] = (-1, 0)  # the version of the lake that was counted last, and its rows

    def __post_init__(self) -> None:
        self.drift = DriftWatch(self.spark, self.settings, self.publisher)

    def run(self, stopping: threading.Event) -> None:
        """Train until told to stop."""
        served = self.publisher.read_status().served_request or 0
        self.publisher.write_status(TrainingStatus(phase="idle"))
        is_told = False
        while not stopping.wait(1.0):
            self._beat()
            if not is_told and self.publisher.current_version() is not None:
                self.on_first_model()
                is_told = True
            requested = self.publisher.requests()
            if requested > served:
                self._try_round(requested)
                served = requested
            elif self._is_due():
                self._try_round(None)
            elif (asked := self._asked_by_drift()) is not None:
                self._try_round(None, asked)

    def _asked_by_drift(self) -> AskedRound | None:
        """The round that drift asks for, if any. An error of the watch must not end the trainer."""
        try:
            return self.drift.asks()
        except Exception as error:
            log.warning("drift cannot be watched: %s", error)
            return None

    def _try_round(self, request: int | None, asked: AskedRound | None = None) -> None:
        """Run a round. An error that a person can put right does not end the trainer: rounds go on."""
        try:
            result = self.train_once(request, asked)
            self.drift.rounds.note_outcome(result.outcome, asked)
        except TrainingError as error:
            self.drift.rounds.note_outcome("failed", asked)
            log.error(error)
        give_back_memory(self.spark)

    def train_once(self, request: int | None = None, asked: AskedRound | None = None) -> RoundResult:
        """One round, logged on one line. A failure is logged and raised."""
        settings, cause = self.settings, None
        if asked is not None:
            cause = asked.cause
            log.info("a %s round is asked for: %s", "full" if asked.full else "warm", cause)
            if asked.full:
                settings = settings.model_copy(update={"warm_rounds": 0})
        started = time.monotonic()
        champion = self._champion()
        try:
            result = train(Round(self.spark, settings, self.publisher, self._show_phase, cause))
        except Exception as error:
            explanation = explain(error)
            self._finish(request, "failed", None, reason=str(explanation or error), cause=cause)
            if explanation is None:
                raise
            raise explanation from error
        line = round_line(result.outcome, result.manifest, champion, time.monotonic() - started)
        log.info(line if cause is None else f"{line}; {cause}")
        reason = NOTHING_TRAINED.get(result.outcome, "")
        self._finish(request, result.outcome, result.manifest, reason, cause)
        log_round(self.settings, result.outcome, result.manifest)
        return result

    def _beat(self) -> None:
        """Report now and then that the trainer is well; during a round, each of its phases reports it."""
        if time.monotonic() - self._last_beat >= _BEAT_SECONDS:
            self._last_beat = time.monotonic()
            self.publisher.write_status(TrainingStatus(heartbeat=int(1000 * time.time())))

    def _show_phase(self, name: str) -> None:
        self.publisher.write_status(TrainingStatus(phase=name, heartbeat=int(1000 * time.time())))

    def _finish(
        self,
        request: int | None,
        outcome: str,
        manifest: Manifest | None,
        reason: str = "",
        cause: str | None = None,
    ) -> None:
        gate = manifest.gate if manifest else None
        status = TrainingStatus(
            phase="idle",
            served_request=request,
            outcome=outcome,
            version=manifest.version if manifest else "",
            reason=reason,
            gate=gate.reason if gate else None,
            leads=gate.leads if gate else None,
            cause=cause or "",
        )
        self.publisher.write_status(status)
        self._last_round = time.monotonic()

    def _champion(self) -> Manifest | None:
        """The served manifest; None where there is none that can be read: a round makes a new one."""
        try:
            return self.publisher.current_manifest()
        except TrainingError:
            return None

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
        # The first round after a start does not begin during a replay: the rest would wait for the next one.
        return by_time and (has_settled(events, before) if is_first else events > 0)

    def _new_events(self) -> int:
        version = dataset.newest_version(self.spark, self.settings.lake_uri)
        if version is None:
            return 0
        champion = self._champion()
        trained_on = champion.counts.interactions if champion else 0
        if version != self._rows_at[0]:
            # Delta answers a bare count from its log, without reading a file.
            rows = dataset.read_interactions(self.spark, self.settings.lake_uri, version).count()
            self._rows_at = version, rows
        return self._rows_at[1] - trained_on


def has_settled(events: int, before: int) -> bool:
    """Whether there are new events, and hardly more than at the last look: a replay has ended."""
    return 0 < events <= _SETTLED * before
