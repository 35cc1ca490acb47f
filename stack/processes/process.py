"""One process of the stack: it has a session of its own and a record on disk, and stops with its children."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from stack.machine.errors import ServiceDiedError
from stack.processes.identity import Identity, descendants, identify, running
from stack.processes.log_tail import last_lines
from stack.processes.service_record import ServiceRecord

STOP_SECONDS = 15.0
_LOG_TAIL_LINES = 15
_LOG_KEPT_BYTES = 20_000_000


@dataclass
class ServiceProcess:
    """A running service. It appends to its log; its record lists the processes that it has started."""

    name: str
    popen: subprocess.Popen[bytes]
    log: Path
    run_dir: Path
    log_start: int
    record: ServiceRecord
    seen: dict[Identity, None] = field(default_factory=dict)
    asked_to_end: bool = False

    @classmethod
    def start(
        cls, name: str, command: Sequence[str], env: Mapping[str, str], logs: Path, run_dir: Path
    ) -> ServiceProcess:
        """Start the service. Raises ServiceDiedError where the command does not exist."""
        log = logs / f"{name}.log"
        for folder in (logs, run_dir):
            folder.mkdir(parents=True, exist_ok=True)
        if log.exists() and log.stat().st_size > _LOG_KEPT_BYTES:
            log.replace(log.with_suffix(".old.log"))
        with log.open("ab") as output:
            # Read before the process starts, which shares the file's position and may write at once.
            log_start = output.tell()
            try:
                popen = subprocess.Popen(
                    list(command),
                    env=dict(env),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                raise ServiceDiedError(f"{name} could not be started: {error}") from error
        record = ServiceRecord(name, identify(popen.pid) or Identity(popen.pid, time.time()))
        record.write(run_dir)
        return cls(name, popen, log, run_dir, log_start, record)

    def note_descendants(self) -> bool:
        """Update the record's list of processes that the service has started (a JVM, Python workers).

        Returns whether any has started or ended since the last call.
        """
        alive = [child for child in self.seen if running(child)]
        now = dict.fromkeys((*alive, *descendants(self.record.process)))
        if now == self.seen:
            return False
        self.seen = now
        self.record = ServiceRecord(self.name, self.record.process, tuple(now))
        self.record.write(self.run_dir)
        return True

    @property
    def exit_code(self) -> int | None:
        """The exit code; None while the process runs."""
        return self.popen.poll()

    def check(self) -> None:
        """Raises ServiceDiedError, with the tail of the log, when the process has ended."""
        if self.exit_code is not None:
            raise self.death()

    def death(self) -> ServiceDiedError:
        """Why the process ended, as an error for the user."""
        how = f"killed by {signal_name(-self.popen.returncode)}" if self.popen.returncode < 0 else ""
        how = how or f"ended with exit code {self.popen.returncode}"
        return ServiceDiedError(f"{self.name} {how}; the end of {self.log}:\n{self.log_tail()}")

    def log_tail(self, lines: int = _LOG_TAIL_LINES) -> str:
        """The last lines that this run of the service logged, as text."""
        return "\n".join("    " + line for line in last_lines(self.log, self.log_start, lines))

    def terminate(self) -> None:
        """Ask the process to end, once; `stop` waits for it."""
        self.note_descendants()
        if self.exit_code is None and not self.asked_to_end:
            self.popen.terminate()
        self.asked_to_end = True

    def stop(self, grace: float = STOP_SECONDS) -> None:
        """End the process and all that it started: SIGTERM, a wait, then SIGKILL."""
        self.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.popen.wait(grace)
        if self.popen.returncode is None:
            # The process leads its own group (start_new_session), and keeps the pid until we wait for it.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.popen.pid, signal.SIGKILL)
            self.popen.wait()
        end(self.seen, grace=2.0)
        (self.run_dir / f"{self.name}.json").unlink(missing_ok=True)


def end(identities: Iterable[Identity], grace: float) -> int:
    """End the processes that still run, by SIGTERM, a wait, then SIGKILL; how many there were."""
    alive = {identity: process for identity in identities if (process := running(identity))}
    for process in alive.values():
        with suppress(psutil.Error):
            process.terminate()
    for process in _still_running(alive, grace):
        with suppress(psutil.Error):
            process.kill()
    _still_running(alive, grace)
    return len(alive)


def _still_running(processes: Iterable[Identity], seconds: float) -> list[psutil.Process]:
    # psutil's own wait would wait for zombies as well, which only their parent can remove.
    deadline = time.monotonic() + seconds
    while True:
        left = [process for process in map(running, processes) if process]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.02)


def signal_name(number: int) -> str:
    """The name of a signal: SIGKILL for 9."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
