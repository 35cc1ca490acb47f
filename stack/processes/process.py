"""One process of the stack: in a session of its own, recorded on disk, stopped with all it started."""

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
    """A running service. Its log is appended to; its record follows what it starts."""

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
        """Start it. Raises ServiceDiedError where the command does not exist."""
        log = logs / f"{name}.log"
        for folder in (logs, run_dir):
            folder.mkdir(parents=True, exist_ok=True)
        if log.exists() and log.stat().st_size > _LOG_KEPT_BYTES:
            log.replace(log.with_suffix(".old.log"))
        with log.open("ab") as output:
            # Before the process starts: it shares the position in the file, and may write at once.
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
        """Keep the record in step with what the process has started (a JVM, Python workers).

        Returns whether anything has started or ended since the last call.
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
        """None while it runs."""
        return self.popen.poll()

    def check(self) -> None:
        """Raises ServiceDiedError, with the tail of the log, when the process has ended."""
        if self.exit_code is not None:
            raise self.death()

    def death(self) -> ServiceDiedError:
        """Why it ended, for the user."""
        how = f"killed by {signal_name(-self.popen.returncode)}" if self.popen.returncode < 0 else ""
        how = how or f"ended with exit code {self.popen.returncode}"
        return ServiceDiedError(f"{self.name} {how}; the end of {self.log}:\n{self.log_tail()}")

    def log_tail(self, lines: int = _LOG_TAIL_LINES) -> str:
        """The last lines that this run of the service logged, as people read them."""
        return "\n".join("    " + line for line in last_lines(self.log, self.log_start, lines))

    def terminate(self) -> None:
        """Ask it to end, once; `stop` waits."""
        self.note_descendants()
        if self.exit_code is None and not self.asked_to_end:
            self.popen.terminate()
        self.asked_to_end = True

    def stop(self, grace: float = STOP_SECONDS) -> None:
        """End it and everything it started: SIGTERM, a wait, then SIGKILL."""
        self.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.popen.wait(grace)
        if self.popen.returncode is None:
            # Its group is its own (start_new_session), and the pid is held until we wait for it.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.popen.pid, signal.SIGKILL)
            self.popen.wait()
        end(self.seen, grace=2.0)
        (self.run_dir / f"{self.name}.json").unlink(missing_ok=True)


def end(identities: Iterable[Identity], grace: float) -> int:
    """SIGTERM, a wait, then SIGKILL, to those of them that still run; how many there were."""
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
    # Not psutil's own wait: it waits for zombies too, which only their parent can remove.
    deadline = time.monotonic() + seconds
    while True:
        left = [process for process in map(running, processes) if process]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.02)


def signal_name(number: int) -> str:
    """SIGKILL for 9."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
