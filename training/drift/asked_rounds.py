"""Decides when an alarm asks for a round, and for which one: warm at first, full if the drift continues."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from numpy.typing import ArrayLike

from contracts.settings import TrainingSettings
from contracts.stored.statuses import RoundOutcome
from training.drift.detector import Detector
from training.drift.shortfall import Shortfall

DRIFT_GOES_ON = 3.0
_DRIFT = "drift: "
LIVE_HITS = "live hit rate of the last training's lists"


class AskedRound(NamedTuple):
    """A round that drift asks for."""

    cause: str  # for the log line, the audit, the manifest and the status
    full: bool


@dataclass
class AskedRounds:
    """One detector for each figure, and the rounds that their alarms ask for.

    A round is asked for at most every DRIFT_MIN_SECONDS; an alarm in between waits. The next one is full
    where the gate refused the round that drift asked for, or where another alarm comes within
    DRIFT_GOES_ON times that bound: a warm round did not end the drift. A round that failed is asked for
    again, and alarms before a published round are answered by it.
    """

    settings: TrainingSettings
    clock: Callable[[], float]  # seconds
    _detectors: Mapping[str, Detector] | None = None
    _waiting: dict[str, str] = field(default_factory=dict)  # figure -> its newest alarm
    _asked_at: float = float("-inf")
    # Whether the next round is full, where that follows from how the last one ended; else the time decides.
    _next_is_full: bool | None = None

    def take(self, figures: Mapping[str, ArrayLike]) -> None:
        """The values of new events, by figure."""
        if self._detectors is None:
            self._detectors = {name: Detector() for name in figures}
        for name, detector in self._detectors.items():
            if detector.takes(figures[name]):
                self._waiting[name] = f"{name} went from {detector.before:.1%} to {detector.after:.1%}"

    def fall_short(self, shortfall: Shortfall) -> None:
        """Note that the version does not reach live what the gate expected."""
        live = f"{LIVE_HITS} is {shortfall.level:.1%}, the gate let expect {shortfall.expected:.1%}"
        self._waiting[LIVE_HITS] = live

    def due(self) -> AskedRound | None:
        """The round to ask for now; None without an alarm, or within DRIFT_MIN_SECONDS of the last one."""
        since = self.clock() - self._asked_at
        if not self._waiting or since < self.settings.drift_min_seconds:
            return None
        goes_on = since < self.settings.drift_min_seconds * DRIFT_GOES_ON
        full = goes_on if self._next_is_full is None else self._next_is_full
        asked = AskedRound(_DRIFT + "; ".join(self._waiting.values()), full)
        self._waiting, self._asked_at, self._next_is_full = {}, self.clock(), None
        return asked

    def note_outcome(self, outcome: RoundOutcome | Literal["failed"], asked: AskedRound | None) -> None:
        """Note how a round ended; ``asked`` is None where drift did not ask for it."""
        if outcome == "published":
            self._waiting, self._next_is_full = {}, None
        elif asked is None:
            return
        elif outcome == "refused_by_gate" and not asked.full:
            self._next_is_full = True
            self._waiting = {"": "the gate refused the warm round"}
        elif outcome == "failed":
            self._next_is_full = asked.full
            self._waiting = {"": asked.cause.removeprefix(_DRIFT)}

    def model_changed(self) -> None:
        """Begin again with new baselines, because another model is served."""
        self._detectors = None
