"""A running streaming service over its own Redis, and a producer that remembers what was acknowledged."""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest
import redis
from deltalake import DeltaTable

from clients.event_producer import Delivery, open_producer
from contracts import keyspace, lake, topics
from contracts.events import Interaction
from contracts.records import HistoryEntry, Popularity, Trend, decode_history
from contracts.settings import KafkaSettings, StateSettings
from contracts.strengths import effective
from stack import redis_server
from stack.jars import jars_dir
from stack.ports import LOOPBACK, free_port
from stack.process import ServiceProcess
from streaming.redis_sink import UserEvent
from tests.streaming import state_oracle

WAIT_SECONDS = 240.0  # a stop for what hangs; nothing here is timed
START_MS = 1_700_000_000_000
STATE = StateSettings()


class Sent(NamedTuple):
    """An acknowledged event and where the log holds it."""

    event: Interaction
    partition: int
    offset: int


class Producer:
    """Sends events by seed, one after the other or as traffic, and remembers those acknowledged."""

    def __init__(self, bootstrap: str, seed: int) -> None:
        self._producer = open_producer(KafkaSettings(kafka_bootstrap_servers=bootstrap))
        self._random = random.Random(seed)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.sent: list[Sent] = []
        self.failed: list[Exception] = []

    def send(self, count: int, users: int = 40) -> None:
        """So many random events, of few users and items, so that they meet again and again."""
        for _ in range(count):
            kind = self._random.choices(("rating", "like", "dislike", "view", "retract"), (6, 1, 1, 2, 1))[0]
            event = Interaction(
                event_type=kind,  # type: ignore[arg-type]
                user_id=f"u{self._random.randrange(users)}",
                item_id=f"i{self._random.randrange(60)}",
                value=self._random.randrange(1, 11) / 2 if kind == "rating" else None,
                event_time=START_MS + self._random.randrange(10**9),
            )
            self._send(event)

    def _send(self, event: Interaction) -> None:
        def on_delivery(delivery: Delivery | None, error: Exception | None) -> None:
            if delivery is None:
                self.failed.append(error or RuntimeError("no reason"))
            else:
                self.sent.append(Sent(event, delivery.partition, delivery.offset))

        self._producer.send(topics.INTERACTIONS.name, event.user_id.encode(), event.to_json(), on_delivery)

    def repeat(self, count: int) -> None:
        """Acknowledged events again, in any order: what a retrying or a shuffling producer does."""
        for sent in self._random.choices(self.sent, k=count):
            self._send(sent.event)
        self.flush()

    def start_traffic(self, per_second: int) -> None:
        """Go on in the background."""

        def run() -> None:
            while not self._stopping.wait(0.1):
                self.send(per_second // 10)

        self._stopping.clear()
        self._thread = threading.Thread(target=run)
        self._thread.start()

    def stop_traffic(self) -> None:
        """Stop, and wait for every acknowledgement."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        self.flush()

    def flush(self) -> None:
        """Wait for every acknowledgement."""
        assert self._producer.flush(60) == 0
        assert self.failed == []

    def close(self) -> None:
        """Release the connection."""
        self._stopping.set()
        self._producer.close()


class Service:
    """`python -m streaming` over its own folders and Redis."""

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
            "LAKE_TRIGGER_SECONDS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        self.client = redis.Redis.from_url(self.env["REDIS_URL"])

    def start_redis(self) -> None:
        """Start Redis and wait until it answers."""
        plan = redis_server.redis_plan(self.folder / "redis", self.redis_port)
        logs, run = self.folder / "logs", self.folder / "run"
        self._redis = ServiceProcess.start("redis", plan.command, self.env, logs, run)
        wait_until(lambda: redis_server.ready(self.redis_port), "Redis answers")

    def kill_redis(self) -> None:
        """SIGKILL."""
        assert self._redis is not None
        os.killpg(self._redis.record.process.pid, signal.SIGKILL)
        self._redis.popen.wait()

    def start_streaming(self) -> None:
        """Start the service; it is not waited for."""
        command = (sys.executable, "-m", "streaming")
        self._streaming = ServiceProcess.start(
            "streaming", command, self.env, self.folder / "logs", self.folder / "run"
        )

    def kill_streaming(self) -> None:
        """SIGKILL to the service, its JVM and its Python workers, all at once."""
        assert self._streaming is not None
        parent = psutil.Process(self._streaming.record.process.pid)
        family = [*parent.children(recursive=True), parent]
        for process in family:
            process.kill()
        psutil.wait_procs(family)
        self._streaming.popen.wait()

    def stop(self) -> None:
        """Stop both."""
        for process in (self._streaming, self._redis):
            if process is not None:
                process.stop()

    def check(self) -> None:
        """Raises when the service has ended by itself."""
        assert self._streaming is not None
        self._streaming.check()

    def log(self) -> str:
        """What the service has logged in all its lives."""
        return (self.folder / "logs" / "streaming.log").read_text()

    def wait_for(self, records: int, lake_too: bool = True) -> None:
        """Until so many records of the interactions topic are applied."""
        keys = (keyspace.APPLIED_ONLINE, keyspace.APPLIED_LAKE)[: 2 if lake_too else 1]

        def applied() -> bool:
            self.check()
            return all(self.applied(key) >= records for key in keys)

        wait_until(applied, f"{records} records are applied")

    def applied(self, key: str) -> int:
        """How many records of the interactions topic a query has applied."""
        offsets: Any = self.client.hgetall(key)
        return sum(int(v) for k, v in offsets.items() if k.startswith(b"interactions:"))

    def lake_rows(self) -> list[dict[str, Any]]:
        """The interactions table."""
        return list(DeltaTable(lake.INTERACTIONS.path(self.env["LAKE_URI"])).to_pyarrow_table().to_pylist())


def wait_until(done: Callable[[], bool], what: str) -> None:
    """Wait, with an end."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not done():
        assert time.monotonic() < deadline, f"not within {WAIT_SECONDS:g} s: {what}"
        time.sleep(0.2)


def assert_nothing_lost(service: Service, producer: Producer) -> None:
    """Every acknowledged event is in the lake exactly once, and Redis equals a plain recount."""
    rows = service.lake_rows()
    places = [(row["kafka_partition"], row["kafka_offset"]) for row in rows]
    assert sorted(places) == sorted((sent.partition, sent.offset) for sent in producer.sent)
    assert {row["event_id"] for row in rows} == {sent.event.event_id for sent in producer.sent}
    assert_state(service.client, producer)


def assert_state(client: redis.Redis, producer: Producer) -> None:
    """Histories, popularity, trends and pairs, each against the oracle."""
    events = [_user_event(sent.event) for sent in producer.sent]
    winners = state_oracle.last_writers(events)
    for user, items in winners.items():
        stored: Any = client.hgetall(keyspace.history(user, 1))
        known = {i.decode(): {e.event_type: e for e in decode_history(raw)} for i, raw in stored.items()}
        assert known == {i: by_type for i, by_type in items.items() if effective(by_type.values())}
    together = state_oracle.together(winners, STATE)
    for item in {event.item_id for event in events}:
        counted: Any = client.hget(keyspace.POPULARITY, item)
        assert Popularity.decode(counted) == state_oracle.popularity(winners, item)
        trend: Any = client.hget(keyspace.trend_shard(0), item)
        assert Trend.decode(trend) == state_oracle.trend(winners, item, STATE)
        pairs: Any = client.zrange(keyspace.together(item, 0), 0, -1, withscores=True)
        assert {other.decode(): int(n) for other, n in pairs} == dict(together.get(item, {}))


def _user_event(event: Interaction) -> UserEvent:
    entry = HistoryEntry(event.event_type, event.event_time, event.event_id, float(event.value or 0))
    return UserEvent(event.user_id, event.item_id, entry)


@pytest.fixture
def service(fresh_topics: str, tmp_path: Path) -> Iterator[Service]:
    running = Service(fresh_topics, tmp_path)
    running.start_redis()
    running.start_streaming()
    yield running
    running.stop()


@pytest.fixture
def producer(fresh_topics: str) -> Iterator[Producer]:
    sending = Producer(fresh_topics, seed=20261124)
    yield sending
    sending.close()
