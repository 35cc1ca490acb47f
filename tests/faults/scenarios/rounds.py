"""Rounds of the trainer's own process, published while the API is asked."""

from __future__ import annotations

import os
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np
import numpy.typing as npt
import psutil
import pyarrow as pa
import redis
from deltalake import write_deltalake

from contracts.stored import keyspace
from contracts.stored.lake import INTERACTIONS
from contracts.stored.records import decode_ids, decode_ranked
from stack.machine import redis_server
from stack.machine.jars import jars_dir
from stack.machine.ports import LOOPBACK, free_port
from stack.processes.process import ServiceProcess
from tests.faults.processes import wait_until
from training.registry.publish import Publisher

_USERS, _ITEMS, _EACH, _GROUPS = 400, 200, 20, 4
_N = 5
_ORPHAN_SECONDS = 30.0
_MOST_STALE = 0.01
_START = datetime(2026, 1, 1, tzinfo=timezone.utc)


class Training:
    """A lake, Redis and `python -m training`."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._rows = folder, 0
        self._port = free_port()
        self.env = {
            **os.environ,
            "REDIS_URL": f"redis://{LOOPBACK}:{self._port}/0",
            "LAKE_URI": str(folder / "lake"),
            "MODELS_URI": str(folder / "models"),
            "SPARK_JARS_DIR": str(jars_dir("spark").resolve()),
            "TRAIN_EVERY_SECONDS": "0",
            "DRIFT_ROUNDS": "false",
            "TOP_N": "40",
            "RANKING": "als",  # lists are answered as they are stored
            "GATE_BOUND": "0.9",  # what is published is not the question here
            "KAFKA_BOOTSTRAP_SERVERS": f"{LOOPBACK}:1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        self.client = redis.Redis.from_url(self.env["REDIS_URL"])
        self.publisher = Publisher(self.env["REDIS_URL"], 1)
        self._redis: ServiceProcess | None = None
        self._trainer: ServiceProcess | None = None

    def start(self, name: str, *command: str, **environment: str) -> ServiceProcess:
        """One of its processes."""
        logs, run = self._folder / "logs", self._folder / "run"
        return ServiceProcess.start(name, command, {**self.env, **environment}, logs, run)

    def start_redis(self) -> None:
        """Start it and mark the state as there."""
        plan = redis_server.redis_plan(self._folder / "redis", self._port)
        self._redis = self.start("redis", *plan.command)
        wait_until(lambda: redis_server.ready(self._port), "Redis answers")
        self.client.set(keyspace.STATE_VERSION, keyspace.STATE)

    def start_trainer(self) -> None:
        """Start it, and wait until it takes requests."""
        self.client.hdel(keyspace.TRAINING_STATUS, "phase")
        self._trainer = self.start("trainer", sys.executable, "-m", "training")
        wait_until(lambda: self.phase() == "idle", "the trainer is there")

    def phase(self) -> str | None:
        """What it is at."""
        if self._trainer is not None:
            self._trainer.check()
        return self.publisher.read_status().phase

    def append(self) -> None:
        """Likes of each user, mostly within a group; other ones with each call."""
        rng = np.random.default_rng(self._rows)
        users = np.repeat(np.arange(_USERS), _EACH)
        group = np.where(rng.random(users.size) < 0.8, users % _GROUPS, rng.integers(0, _GROUPS, users.size))
        items = group + _GROUPS * rng.integers(0, _ITEMS // _GROUPS, users.size)
        self.write(users, items, rng.permutation(users.size) + self._rows)

    def write(
        self,
        users: npt.NDArray[np.integer[Any]],
        items: npt.NDArray[np.integer[Any]],
        seconds: npt.NDArray[np.integer[Any]],
        event_type: str = "like",
        values: npt.ArrayLike = 0.0,
    ) -> None:
        """Events as rows of the lake."""
        moments = [_START + timedelta(seconds=int(each)) for each in seconds]
        count = users.size
        columns = {
            "event_id": [f"{self._rows + n:08x}-0000-4000-8000-000000000000" for n in range(count)],
            "event_type": [event_type] * count,
            "user_id": [f"u{user}" for user in users],
            "item_id": [f"i{item}" for item in items],
            "value": np.broadcast_to(np.asarray(values, np.float64), users.shape),
            "event_time": pa.array(moments, pa.timestamp("us", "UTC")),
            "schema_version": pa.array([1] * count, pa.int32()),
            "session_id": pa.array([None] * count, pa.string()),
            "recommendation_id": pa.array([None] * count, pa.string()),
            "kafka_partition": pa.array([0] * count, pa.int32()),
            "kafka_offset": pa.array(range(self._rows, self._rows + count), pa.int64()),
            "ingest_time": pa.array(moments, pa.timestamp("us", "UTC")),
        }
        write_deltalake(INTERACTIONS.path(self.env["LAKE_URI"]), pa.table(columns), mode="append")
        self._rows += count

    def round(self) -> str:
        """Ask for a round and wait until it has published; its version."""
        return self.finish(self.publisher.request())

    def finish(self, number: int) -> str:
        """Wait until the round of a request has published; its version."""
        wait_until(lambda: bool(self.phase()) and self.publisher.read_status().has_served(number), "a round")
        status = self.publisher.read_status()
        assert status.outcome == "published", (status.outcome, status.reason)
        return str(status.version)

    def lists(self, version: str) -> dict[str, list[str]]:
        """Each user's list of a version as Redis holds it."""
        items: Any = self.client.get(keyspace.model_items(version))
        stored: Any = self.client.hgetall(keyspace.top_n(0, version))
        ids = decode_ids(items)
        return {user.decode(): [ids[i] for i in decode_ranked(raw)[0]] for user, raw in stored.items()}

    def kill_trainer(self) -> int:
        """Kill its own process alone, by SIGKILL; the number of its forks. Fails where one that it started
        lives on: Spark's JVM, or a fork that computes."""
        assert self._trainer is not None
        trainer = psutil.Process(self._trainer.record.process.pid)
        command, family = trainer.cmdline(), trainer.children(recursive=True)
        forks = sum(_command(each) == command for each in family)
        trainer.kill()
        self._trainer.popen.wait()
        self._trainer = None
        _, alive = psutil.wait_procs(family, timeout=_ORPHAN_SECONDS)
        assert not alive, [_command(each) for each in alive]
        return forks

    def stop(self) -> None:
        """End both."""
        for process in (self._trainer, self._redis):
            if process is not None:
                process.stop()


def _command(process: psutil.Process) -> list[str]:
    with suppress(psutil.NoSuchProcess):
        return process.cmdline()
    return []


class Answer(NamedTuple):
    """A list that the API gave to a user, and the version that it names; None where Redis was too slow."""

    version: str | None
    user: str
    items: list[str]
    stale: bool = False


@contextmanager
def running_training(folder: Path) -> Iterator[Training]:
    """All of it, with a first batch of likes."""
    training = Training(folder)
    try:
        training.start_redis()
        training.append()
        training.start_trainer()
        yield training
    finally:
        training.stop()


@contextmanager
def asking(training: Training, version: str) -> Iterator[list[Answer]]:
    """Three clients of an API that serves the version; what they get is added to the list."""
    port = free_port()
    api = training.start("api", sys.executable, "-m", "serving", API_PORT=str(port))
    answers: list[Answer] = []
    stopping = threading.Event()
    url = f"http://{LOOPBACK}:{port}"
    clients = [threading.Thread(target=_ask, args=(url, seed, stopping, answers)) for seed in range(3)]
    try:
        wait_until(lambda: _serves(url, version), "the API answers")
        for client in clients:
            client.start()
        yield answers
        assert all(client.is_alive() for client in clients), "a request failed"
    finally:
        stopping.set()
        for client in clients:
            if client.is_alive():
                client.join()
        api.stop()


def assert_whole(answers: list[Answer], lists: dict[str, dict[str, list[str]]]) -> None:
    """Check that each answer holds its user's list of the one version that it names. A few may say that they
    are stale, and name none: on a busy machine Redis does not answer each request in time."""
    named = [each for each in answers if each.version is not None or not each.stale]
    wrong = [
        each for each in named if each.items != lists.get(each.version or "", {}).get(each.user, [])[:_N]
    ]
    assert wrong == []
    assert len(answers) - len(named) <= _MOST_STALE * len(answers)


def api_asked_while_published(folder: Path) -> str:
    """Each answer holds the list of the one version that it names."""
    with running_training(folder) as training:
        version = training.round()
        lists = {version: training.lists(version)}
        with asking(training, version) as answers:
            for _ in range(3):
                training.append()
                version = training.round()
                lists[version] = training.lists(version)
        assert_whole(answers, lists)
        seen = Counter(each.version for each in answers if each.version is not None)
        assert seen.keys() == lists.keys(), seen
        return f"{len(answers):,} answers over {len(lists)} versions, each of one version"


def _serves(url: str, version: str) -> bool:
    try:
        found = httpx.get(f"{url}/v1/users/u0/recommendations")
    except httpx.TransportError:
        return False
    return found.status_code == 200 and found.json()["model_version"] == version


def _ask(url: str, seed: int, stopping: threading.Event, answers: list[Answer]) -> None:
    rng = np.random.default_rng(seed)
    with httpx.Client(base_url=url) as client:
        while not stopping.is_set():
            user = f"u{rng.integers(0, _USERS)}"
            found = (
                client.get(f"/v1/users/{user}/recommendations", params={"n": _N}).raise_for_status().json()
            )
            items = [each["item_id"] for each in found["items"]]
            answers.append(Answer(found["model_version"], user, items, found["stale"]))
