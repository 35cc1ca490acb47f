"""`headwater demo` as a process, with its visitors, and the commands that its user has."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

from clients.topic_admin import topic_ends
from contracts.stored import keyspace
from contracts.topics import EXPOSURES, lag
from stack.processes.process import ServiceProcess
from stack.processes.run_state import Folders
from stack.status.picture import StackStatus, collect
from stack.status.redis_state import redis_state
from tests.faults.processes import kill_family, wait_until

_LOOK_SECONDS = 1.0


class Demo:
    """The demo on a folder, on free ports; ``environment`` are further settings."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folders = Folders(folder / "data")
        self._env = {
            **os.environ,
            "HEADWATER_DATA_DIR": str(self.folders.data),
            "HEADWATER_RUNNING_DIR": str(folder / "running"),
            **environment,
        }
        ports = [word for name in ("api", "kafka", "redis") for word in (f"--{name}-port", "0")]
        command = (sys.executable, "-m", "stack", "demo", "--data-dir", str(self.folders.data), *ports)
        self._process = ServiceProcess.start("demo", command, self._env, folder / "logs", folder / "run")

    def headwater(self, *words: str) -> str:
        """What a command prints. Raises AssertionError where it fails."""
        command = [sys.executable, "-m", "stack", *words]
        done = subprocess.run(command, env=self._env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{words}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout

    def read(self, *words: str) -> Any:
        """What a command prints with --json."""
        return json.loads(self.headwater(*words, "--json"))

    def status(self) -> StackStatus:
        """What `headwater status` shows. Raises where the demo has ended."""
        self._process.check()
        return collect(self.folders)

    def address(self, server: str) -> str:
        """The address of "api", "kafka" or "redis"."""
        return self.status().addresses[server]

    def wait_for_model(self) -> None:
        """Wait until a model is served, and the visitors are there."""
        wait_until(lambda: self.status().model is not None, "the first model", every=_LOOK_SECONDS)

    def kill_streaming(self) -> float:
        """Kill the service, its JVM and its workers. Returns the seconds until it has applied all again."""
        begun = time.monotonic()
        self._kill("streaming")
        assert sum(self._lags()), "no traffic while it was dead"
        wait_until(lambda: not self.status().lag_online, "streaming catches up", every=_LOOK_SECONDS)
        return time.monotonic() - begun

    def kill_api(self) -> None:
        """Kill the API, and wait until another process answers."""
        self._kill("serving")
        wait_until(lambda: self.status().api_ready, "the API answers", every=_LOOK_SECONDS)

    def _kill(self, service: str) -> None:
        killed = self._pid(service)
        assert killed is not None
        kill_family(killed)
        wait_until(lambda: self._pid(service) not in (None, killed), f"{service} is started again")

    @contextmanager
    def at_rest(self) -> Iterator[None]:
        """Stop the visitors meanwhile, and the live traffic for good.

        All that was sent is applied, and no outcome waits for the lake.
        """
        self._end_ingest()
        visitors = self._pid("visitors")
        assert visitors is not None
        os.kill(visitors, signal.SIGSTOP)
        try:
            wait_until(self._is_at_rest, "everything is applied", every=_LOOK_SECONDS)
            yield
        finally:
            os.kill(visitors, signal.SIGCONT)

    def flush_redis(self) -> None:
        """Delete every key."""
        with redis.Redis.from_url(self.address("redis")) as client:
            client.flushall()

    def live_days(self) -> dict[str, dict[str, int]]:
        """The live figures in Redis: day -> field -> amount."""
        with redis_state(self.address("redis")) as state:
            return state.live_days(1, time.time_ns() // 1_000_000)

    def stop(self) -> None:
        """End it with all its services."""
        self._process.stop(60)

    def _end_ingest(self) -> None:
        ingest = self._pid("ingest")
        if ingest is not None:
            os.kill(ingest, signal.SIGTERM)
            wait_until(lambda: self._pid("ingest") is None, "the live traffic ends")

    def _pid(self, service: str) -> int | None:
        """The process of a service; None where it has ended and is not started again yet."""
        found = self.status().services.get(service)
        return int(found["pid"]) if found and found["running"] else None

    def _lags(self) -> tuple[int, int]:
        status = self.status()
        assert status.lag_lake is not None
        assert status.lag_online is not None
        return status.lag_lake, status.lag_online

    def _is_at_rest(self) -> bool:
        if any(self._lags()):
            return False
        with redis_state(self.address("redis")) as state:
            shown = topic_ends(self.address("kafka"), topics=(EXPOSURES.name,))
            return not state.outcomes(1) and not lag(shown, state.applied_offsets(keyspace.APPLIED_LAKE))
