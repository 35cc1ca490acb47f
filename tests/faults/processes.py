"""Runs the streaming service, its Redis and a broker as processes that tests kill and start again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import redis
from deltalake import DeltaTable

from clients.topic_admin import create_topics
from contracts.stored import keyspace, lake
from contracts.topics import events_in
from stack.machine import broker as broker_server
from stack.machine import redis_server
from stack.machine.class_data import usable_archive
from stack.machine.jars import jars_dir
from stack.machine.java import ensure_java
from stack.machine.ports import LOOPBACK, free_port
from stack.processes.identity import descendants, running
from stack.processes.process import STOP_SECONDS, ServiceProcess
from streaming.online.touched_items import is_unmerged
from streaming.runtime import hold_points

WAIT_SECONDS = 240.0  # ends a wait that would hang; it measures nothing
BY_SIGTERM = 128 + signal.SIGTERM  # how a JVM ends in order


class Broker:
    """A broker that a test stops and kills."""

    def __init__(self, folder: Path) -> None:
        self.port, self._folder = free_port(), folder
        self._plan = broker_server.broker_plan(folder / "data", self.port, ensure_java(lambda _: None))
        self._process: ServiceProcess | None = None
        self.bootstrap = f"{LOOPBACK}:{self.port}"
        self.start()
        create_topics(self.bootstrap)

    def start(self) -> None:
        """Start the broker, on the same data each time, and wait until it answers."""
        logs, run = self._folder / "logs", self._folder / "run"
        self._process = ServiceProcess.start("broker", self._plan.command, os.environ, logs, run)
        wait_until(lambda: broker_server.ready(self.port), "the broker answers")

    def signal(self, number: signal.Signals) -> None:
        """Send SIGSTOP, SIGCONT or SIGKILL to the broker."""
        assert self._process is not None
        os.killpg(self._process.record.process.pid, number)
        if number == signal.SIGKILL:
            self._process.popen.wait()

    def is_alive(self) -> bool:
        """Whether its process runs."""
        return self._process is not None and self._process.exit_code is None

    def stop(self) -> None:
        """Stop the broker in order (SIGTERM)."""
        if self._process is not None:
            self._process.stop()

    def restart(self) -> None:
        """Stop it in order, and start it again; fails where it had to be killed."""
        self.stop()
        assert self._process is not None
        assert self._process.exit_code == BY_SIGTERM, f"the broker ended with {self._process.exit_code}"
        self.start()


class Service:
    """`python -m streaming` with its own folders and Redis."""

    def __init__(self, bootstrap: str, folder: Path) -> None:
        self.folder = folder
        self.redis_port = free_port()
        self._redis: ServiceProcess | None = None
        self._streaming: ServiceProcess | None = None
        self.env = {
            **os.environ,
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "REDIS_URL": f"redis://{LOOPBACK}:{self.redis_port}/0",
            "LAKE_URI": str(folder / "lake"),
            "CHECKPOINTS_URI": str(folder / "checkpoints"),
            "MODELS_URI": str(folder / "models"),
            "SPARK_JARS_DIR": str(jars_dir("spark").resolve()),
            "SPARK_CLASS_DATA": str(usable_archive(ensure_java(lambda _: None)) or ""),
            "LAKE_TRIGGER_SECONDS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        self._marks: list[Path] = []
        self.client = redis.Redis.from_url(self.env["REDIS_URL"])

    def start_redis(self) -> None:
        """Start Redis and wait until it answers."""
        plan = redis_server.redis_plan(self.folder / "redis", self.redis_port)
        logs, run = self.folder / "logs", self.folder / "run"
        self._redis = ServiceProcess.start("redis", plan.command, self.env, logs, run)
        wait_until(lambda: redis_server.ready(self.redis_port), "Redis answers")

    def kill_redis(self) -> None:
        """Kill Redis by SIGKILL."""
        assert self._redis is not None
        os.killpg(self._redis.record.process.pid, signal.SIGKILL)
        self._redis.popen.wait()

    def start_streaming(self, *hold_at: str) -> None:
        """Start the service without waiting for it. It stops at the named points (streaming/hold_points)."""
        command = (sys.executable, "-m", "streaming")
        marks = {point: self.folder / point for point in hold_at}
        self._marks = list(marks.values())
        for mark in self._marks:
            mark.unlink(missing_ok=True)
            hold_points.pass_file(mark).unlink(missing_ok=True)
        held = ",".join(f"{point}={mark}" for point, mark in marks.items())
        env = {**self.env, hold_points.VARIABLE: held}
        self._streaming = ServiceProcess.start(
            "streaming", command, env, self.folder / "logs", self.folder / "run"
        )

    def kill_at_hold_points(self) -> None:
        """Wait until the service stands still at every named point, and kill it there."""
        self.wait_for_hold_points()
        self.kill_streaming()

    def wait_for_hold_points(self) -> None:
        """Wait until the service stands still at every named point."""

        def holds() -> bool:
            self.check()
            return all(mark.exists() for mark in self._marks)

        wait_until(holds, "the hold points")

    def wait_for_end(self) -> int:
        """Wait until the service ends by itself; its exit code."""
        assert self._streaming is not None
        return self._streaming.popen.wait(WAIT_SECONDS)

    def end_in_order(self) -> float:
        """Ask the service to end (SIGTERM), as a supervisor does; the seconds that it took.

        Where it stands at a named point, it goes on from there once it has been asked. Fails where it takes
        longer than a supervisor waits, says that it failed, or leaves a process behind.
        """
        assert self._streaming is not None
        family = descendants(self._streaming.record.process)
        started = time.monotonic()
        self._streaming.terminate()
        for mark in self._marks:
            hold_points.pass_file(mark).touch()
        code = self._streaming.popen.wait(STOP_SECONDS)
        seconds = time.monotonic() - started
        assert code == 0, f"exit code {code}"
        wait_until(lambda: not any(map(running, family)), "all that it had started is gone")
        return seconds

    def headwater(self, *words: str) -> str:
        """Run a `headwater` command; its output."""
        command = [sys.executable, "-m", "stack", *words]
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def kill_streaming(self) -> None:
        """Kill the service, its JVM and its Python workers at once, by SIGKILL."""
        assert self._streaming is not None
        kill_family(self._streaming.record.process.pid)
        self._streaming.popen.wait()

    def stop(self) -> None:
        """Stop the service and Redis."""
        for process in (self._streaming, self._redis):
            if process is not None:
                process.stop()

    def check(self) -> None:
        """Raise where the service has ended by itself."""
        assert self._streaming is not None
        self._streaming.check()

    def log(self) -> str:
        """The whole log of the service, over all its starts."""
        return (self.folder / "logs" / "streaming.log").read_text()

    def wait_for(self, records: int, lake_too: bool = True) -> None:
        """Wait until this many records of the interactions topic are applied."""
        keys = (keyspace.APPLIED_ONLINE, keyspace.APPLIED_LAKE)[: 2 if lake_too else 1]

        def is_applied() -> bool:
            self.check()
            return not is_unmerged(self.client) and all(self.applied_records(key) >= records for key in keys)

        wait_until(is_applied, f"{records} records are applied")

    def applied_records(self, key: str) -> int:
        """The number of records of the interactions topic that a query has applied."""
        return events_in(self.offsets(key))

    def offsets(self, key: str) -> dict[str, int]:
        """Next offset by "topic:partition" of a query."""
        raw: Any = self.client.hgetall(key)
        return {place.decode(): int(offset) for place, offset in raw.items()}

    def lake_rows(self) -> list[dict[str, Any]]:
        """The rows of the interactions table."""
        return list(DeltaTable(lake.INTERACTIONS.path(self.env["LAKE_URI"])).to_pyarrow_table().to_pylist())


def kill_family(pid: int) -> None:
    """Kill a process and all that it has started at once, by SIGKILL."""
    parent = psutil.Process(pid)
    family = [*parent.children(recursive=True), parent]
    for each in family:
        with suppress(psutil.NoSuchProcess):  # some processes live for a moment only
            each.kill()
    psutil.wait_procs(family, timeout=WAIT_SECONDS)


def wait_until(done: Callable[[], bool], what: str, every: float = 0.2) -> None:
    """Wait until ``done``, looking at it again after ``every`` seconds; fails after WAIT_SECONDS."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not done():
        assert time.monotonic() < deadline, f"not within {WAIT_SECONDS:g} s: {what}"
        time.sleep(every)
