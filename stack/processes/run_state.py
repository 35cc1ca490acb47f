"""The run on a data folder: one supervisor at a time, and the file by which other commands find it."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from clients.whole_file import write_whole
from stack.machine.errors import StackError
from stack.machine.ports import LOOPBACK
from stack.processes.identity import Identity, identify, running

FORMAT = 1  # files without a format were written before there was one, and are read as 1
Phase = Literal["starting", "running"]


class Folders:
    """A data folder and the folders in it."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.run, self.logs = data / "run", data / "logs"
        self.kafka, self.redis = data / "kafka", data / "redis"
        self.lake, self.models, self.checkpoints = data / "lake", data / "models", data / "checkpoints"
        self.scratch = data / "tmp"
        self.progress = data / "ingest-progress.json"
        self.state, self.lock = data / "stack.json", data / "stack.lock"


@dataclass(frozen=True)
class Ports:
    """Where the servers listen: Kafka and Redis on loopback, the API where API_HOST says."""

    api: int
    kafka: int
    redis: int
    api_host: str = LOOPBACK  # the name by which this machine reaches the API

    @property
    def api_url(self) -> str:
        """The API's address."""
        return f"http://{self.api_host}:{self.api}"

    @property
    def bootstrap(self) -> str:
        """The broker's address."""
        return f"{LOOPBACK}:{self.kafka}"

    @property
    def redis_url(self) -> str:
        """Redis' address."""
        return f"redis://{LOOPBACK}:{self.redis}/0"


@dataclass(frozen=True)
class RunState:
    """What other commands know of a data folder's supervisor."""

    supervisor: Identity
    started_at: float  # seconds since the epoch
    phase: Phase
    ports: Ports

    @classmethod
    def of_this_process(cls, ports: Ports, phase: Phase = "starting") -> RunState:
        """The state of a run that this process supervises."""
        this_process = identify(os.getpid()) or Identity(os.getpid(), time.time())
        return cls(supervisor=this_process, started_at=time.time(), phase=phase, ports=ports)

    def encode(self) -> str:
        """One JSON object."""
        return json.dumps(
            {
                "format": FORMAT,
                "supervisor": self.supervisor.encode(),
                "started_at": self.started_at,
                "phase": self.phase,
                "ports": asdict(self.ports),
            }
        )

    @classmethod
    def decode(cls, text: str) -> RunState:
        """Read the file's text. Raises ValueError, KeyError or TypeError where it is not a run state."""
        raw = json.loads(text)
        if raw["phase"] not in get_args(Phase):
            raise ValueError(f"no phase of a run: {raw['phase']!r:.80}")
        return cls(
            supervisor=Identity.decode(raw["supervisor"]),
            started_at=float(raw["started_at"]),
            phase=raw["phase"],
            ports=Ports(**raw["ports"]),
        )

    def write(self, folders: Folders) -> None:
        """Write stack.json, atomically."""
        write_whole(folders.state, self.encode())

    @classmethod
    def read(cls, folders: Folders) -> RunState | None:
        """Read stack.json; None where there is none, or its supervisor no longer runs."""
        try:
            state = cls.decode(folders.state.read_text())
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return state if running(state.supervisor) else None


@contextmanager
def only_one(folders: Folders) -> Iterator[None]:
    """Lock the data folder. Raises StackError where another supervisor has locked it.

    The kernel releases the lock when its holder ends, even if that is killed.
    """
    folders.data.mkdir(parents=True, exist_ok=True)
    with folders.lock.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            state = RunState.read(folders)
            who = f" (process {state.supervisor.pid})" if state else ""
            raise StackError(
                f"Headwater already runs on {folders.data}{who}: "
                f"`headwater down --data-dir {folders.data}` stops it, or choose another --data-dir"
            ) from error
        try:
            yield
        finally:
            folders.state.unlink(missing_ok=True)
