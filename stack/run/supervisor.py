"""Keeps the processes of a run alive, reports why one died, and stops them all."""

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

# The services still write to these servers while they stop.
LAST_TO_STOP = ("broker", "redis")
_MOST_RESTARTS = 6
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 30.0
_HEALTHY_SECONDS = 60.0
_OPERATOR_SECONDS = 15.0  # between two restarts of a service that waits for an operator
_TICK = 0.1
# Walking the process table is expensive, so a new JVM or worker is noted with this delay. The pause between
# two walks grows while no new process appears.
_NOTE_SECONDS, _LONGEST_NOTE_SECONDS = 2.0, 16.0


class StopRequested(Exception):  # noqa: N818 - not an error: the user's wish
    """SIGINT, SIGTERM or SIGHUP came."""


def backoff(deaths: int) -> float:
    """Seconds to wait before the restart after that many deaths in a row."""
    return min(_FIRST_WAIT * 2.0 ** (deaths - 1), _LONGEST_WAIT)


@dataclass
class _Supervised:
    """A service of the run, in the process that it has now."""

    plan: Plan
    process: ServiceProcess
    started: float
    deaths: int = 0
    restart_at: float | None = None
    waits: bool = False  # for an operator; the user has been told


class Supervisor:
    """The processes of one run.

    With ``strict``, a service that ends by itself is an error at once. Otherwise it is started again after
    growing pauses; it is an error once it has died several times in a row. A service that exits with
    NEEDS_OPERATOR is started again until it runs.
    """

    def __init__(
        self, folders: Folders, env: Mapping[str, str], strict: bool, say: Callable[[str], None]
    ) -> None:
        self._folders, self._env, self._strict, self._say = folders, env, strict, say
        self._services: dict[str, _Supervised] = {}
        self._stopping = False
        self._noted, self._note_pause = 0.0, _NOTE_SECONDS

    def start(self, plan: Plan) -> None:
        """Start a service."""
        self._services[plan.name] = _Supervised(plan, self._spawn(plan), time.monotonic())

    def _spawn(self, plan: Plan) -> ServiceProcess:
        self._note_pause = _NOTE_SECONDS
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
        """Watch the services for ``seconds``. Raises StopRequested when a signal came."""
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
        """Check each service once. Raises ServiceDiedError for a dead one that is not restarted."""
        note = time.monotonic() - self._noted >= self._note_pause
        has_new = False
        for service in list(self._services.values()):
            if service.restart_at is not None:
                self._restart_when_due(service)
            elif service.process.exit_code is None:
                if note:
                    has_new |= service.process.note_descendants()
            elif service.plan.may_fail:
                self._forget(service)
            elif not (service.plan.ends and service.process.exit_code == 0):
                self._note_death(service)
        if note:
            self._noted = time.monotonic()
            self._note_pause = _NOTE_SECONDS if has_new else min(2 * self._note_pause, _LONGEST_NOTE_SECONDS)

    def _forget(self, service: _Supervised) -> None:
        if service.process.exit_code != 0:
            self._say(f"{service.process.death()}\nEverything else goes on")
        elif result := service.process.log_tail():
            self._say(f"{service.plan.name}:\n{result}")
        service.process.stop()
        del self._services[service.plan.name]

    def _note_death(self, service: _Supervised) -> None:
        death = service.process.death()
        if self._strict or service.plan.ends:
            raise death
        if time.monotonic() - service.started > _HEALTHY_SECONDS:
            service.deaths = 0
        if service.process.exit_code == NEEDS_OPERATOR:
            self._wait_for_operator(service, death)
            return
        service.deaths += 1
        if service.deaths > _MOST_RESTARTS:
            raise ServiceDiedError(f"{service.plan.name} died {service.deaths} times in a row. {death}")
        service.process.stop()
        wait = backoff(service.deaths)
        service.restart_at = time.monotonic() + wait
        self._say(f"{death}\nStarting {service.plan.name} again in {wait:g} s")

    def _wait_for_operator(self, service: _Supervised, death: ServiceDiedError) -> None:
        """Restart this service until the operator has run what it asks for; the others go on."""
        service.process.stop()
        service.restart_at = time.monotonic() + _OPERATOR_SECONDS
        if not service.waits:
            self._say(f"{death}\n{service.plan.name} waits for you; everything else goes on")
        service.waits = True

    def _restart_when_due(self, service: _Supervised) -> None:
        if service.restart_at is not None and time.monotonic() >= service.restart_at:
            service.process, service.started, service.restart_at = (
                self._spawn(service.plan),
                time.monotonic(),
                None,
            )

    def has_ended_well(self, name: str) -> bool:
        """Whether this service has ended with exit code 0."""
        return self._services[name].process.exit_code == 0

    def runs(self, name: str) -> bool:
        """Whether a service of this name was started and has not been forgotten."""
        return name in self._services

    def log_tail(self, name: str) -> str:
        """The end of a service's log."""
        return self._services[name].process.log_tail()

    def stop(self) -> None:
        """Stop everything: first the services that write, then the servers."""
        first = [
            service.process for service in self._services.values() if service.plan.name not in LAST_TO_STOP
        ]
        last = [service.process for service in self._services.values() if service.plan.name in LAST_TO_STOP]
        for wave in (first, last):
            for process in wave:
                process.terminate()
            deadline = time.monotonic() + STOP_SECONDS
            for process in wave:
                process.stop(max(deadline - time.monotonic(), 0.1))
        self._services.clear()

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
