"""`headwater up` looks at running experiments by itself, so that nobody has to start a command.

A look stops the arms that violate a guardrail, and keeps the intervals that the page draws over time. It
needs the lake and the statistics, so it is a process of its own. The process is started only while an
experiment runs; otherwise a look costs one request to the API.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import suppress

from contracts.experiments.look import is_watched
from contracts.settings import ExperimentSettings
from experiments.api import ExperimentApi, ExperimentApiError
from stack.machine.start_plan import Plan
from stack.run.supervisor import Supervisor

WATCH = Plan(
    "guardrails", (sys.executable, "-m", "stack", "experiments", "watch", "--once"), ends=True, may_fail=True
)
# Short, because the supervisor waits for the answer and looks after no process meanwhile.
_API_SECONDS = 2.0


class GuardrailWatch:
    """Starts a look at the running experiments every GUARDRAILS_EVERY_SECONDS, the first after that time."""

    def __init__(
        self, supervisor: Supervisor, api_url: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        settings = ExperimentSettings(api_url=api_url)
        self._supervisor, self._clock = supervisor, clock
        self._every = settings.guardrails_every_seconds
        self._api = ExperimentApi(settings, _API_SECONDS)
        self._due = clock() + self._every

    def look_when_due(self) -> None:
        """Start a look when it is due, none is running, and an experiment runs or has just ended."""
        if not self._every or self._clock() < self._due:
            return
        self._due = self._clock() + self._every
        if self._supervisor.runs(WATCH.name):
            return
        # Other checks report an API that does not answer; this one asks again next time.
        with suppress(ExperimentApiError):
            now_ms = time.time_ns() // 1_000_000
            if any(is_watched(experiment, now_ms) for experiment in self._api.all()):
                self._supervisor.start(WATCH)
