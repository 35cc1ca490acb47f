"""Keeps the processes of a run alive, or says why one died; stops them all."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from contracts.exit_codes import NEEDS_OPERATOR
from stack.machine.errors import ServiceDiedError, StackError
from stack.machine.start_plan import Plan
from stack.processes.process import STOP_SECONDS, ServiceProcess
from stack.processes.run_state import Folders

# The servers that the others still write to while they stop.
LAST_TO_STOP = ("broker", "redis")
_MOST_RESTARTS = 6
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 30.0
_HEALTHY_SECONDS = 60.0
_OPERATOR_SECONDS = 15.0  # between two looks at whether the operator has done what a service waits for
_TICK = 0.1
_NOTE_SECONDS = 2.0  # walking the process table costs; a new JVM or worker is noted this late at most


class StopRequested(Exception):  # noqa: N818 - not an error: the user's wish
    """SIGINT, SIGTERM or SIGHUP came."""


def backoff(deaths: int) -> float:
    """Seconds to wait before the restart after that many deaths in a row."""
    return min(_FIRST_WAIT * 2.0 ** (deaths - 1), _LONGEST_WAIT)


@dataclass
class _Kept:
    plan: Plan
    process: ServiceProcess
    started: float
    deaths: int = 0
    restart_at: float | None = None
    waits: bool = False  # for an operator, who has been told


class Supervisor:
    """The processes of one run.

    With ``strict``, a service that dies is an error at once; without, it is started again with growing
    waits, and is an error after some deaths in a row. One that NEEDS_OPERATOR is tried until it runs.
    """

    def __init__(
        self, folders: Folders, env: Mapping[str, str], strict: bool, say: Callable[[str], None]
    ) -> None:
        self._folders, self._env, self._strict, self._say = folders, env, strict, say
        self._kept: dict[str, _Kept] = {}
        self._stopping = False
        self._noted = 0.0

    def start(self, plan: Plan) -> None:
        """Start a service."""
        self._kept[plan.name] = _Kept(plan, self._spawn(plan), time.monotonic())

    def _spawn(self, plan: Plan) -> ServiceProcess:
        return ServiceProcess.start(
            plan.name, plan.command, {**self._env, **plan.env}, self._folders.logs, self._folders.run
        )

    def wait_until(self, what: str, done: Callable[[], bool], timeout: float) -> None:
        """Watch the services until ``done``. Raises StackError after ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        while not done():
            if time.monotonic() > deadline:
                raise StackError(f"Waited {timeout:g} s for {what}; the logs are in {self._folders.logs}")
            self.pause(_TICK)

    def pause(self, seconds: float) -> None:
        """Watch for so long. Raises StopRequested when a signal came."""
        deadline = time.monotonic() + seconds
        while True:
            if self._stopping:
                raise StopRequested
            self.watch()
            left = deadline - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, _TICK))

    def watch(self) -> None:
        """Look after each service once. Raises ServiceDiedError for one that is not restarted."""
        note = time.monotonic() - self._noted >= _NOTE_SECONDS
        if note:
            self._noted = time.monotonic()
        for kept in self._kept.values():
            if kept.restart_at is not None:
                self._restart_when_due(kept)
            elif kept.process.exit_code is None:
                if note:
                    kept.process.note_descendants()
            elif not (kept.plan.ends and kept.process.exit_code == 0):
                self._note_death(kept)

    def _note_death(self, kept: _Kept) -> None:
        death = kept.process.death()
        if self._strict or kept.plan.ends:
            raise death
        if time.monotonic() - kept.started > _HEALTHY_SECONDS:
            kept.deaths = 0
        if kept.process.exit_code == NEEDS_OPERATOR:
            self._wait_for_operator(kept, death)
            return
        kept.deaths += 1
        if kept.deaths > _MOST_RESTARTS:
            raise ServiceDiedError(f"{kept.plan.name} died {kept.deaths} times in a row. {death}")
        kept.process.stop()
        wait = backoff(kept.deaths)
        kept.restart_at = time.monotonic() + wait
        self._say(f"{death}\nStarting {kept.plan.name} again in {wait:g} s")

    def _wait_for_operator(self, kept: _Kept, death: ServiceDiedError) -> None:
        """The other services go on; this one is tried again until what it names has been run."""
        kept.process.stop()
        kept.restart_at = time.monotonic() + _OPERATOR_SECONDS
        if not kept.waits:
            self._say(f"{death}\n{kept.plan.name} waits for you; everything else goes on")
        kept.waits = True

    def _restart_when_due(self, kept: _Kept) -> None:
        if kept.restart_at is not None and time.monotonic() >= kept.restart_at:
            kept.process, kept.started, kept.restart_at = self._spawn(kept.plan), time.monotonic(), None

    def ended(self, name: str) -> bool:
        """Whether a service that may end has ended well."""
        return self._kept[name].process.exit_code == 0

    def log_tail(self, name: str) -> str:
        """The end of a service's log."""
        return self._kept[name].process.log_tail()

    def stop(self) -> None:
        """Stop everything: what writes first, the servers last."""
        first = [k.process for k in self._kept.values() if k.plan.name not in LAST_TO_STOP]
        last = [k.process for k in self._kept.values() if k.plan.name in LAST_TO_STOP]
        for wave in (first, last):
            for process in wave:
                process.terminate()
            deadline = time.monotonic() + STOP_SECONDS
            for process in wave:
                process.stop(max(deadline - time.monotonic(), 0.1))
        self._kept.clear()

    @contextmanager
    def until_stopped(self) -> Iterator[None]:
        """Turn the stopping signals into StopRequested at the next pause, and stop everything at the end."""

        def request(number: int, frame: FrameType | None) -> None:
            self._stopping = True

        signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, request) for number in signals}
        try:
            yield
        finally:
            self.stop()
            for number, handler in before.items():
                signal.signal(number, handler)
