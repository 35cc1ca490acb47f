"""Freshness: from Kafka's acknowledgement of an event to the changed answer, under 1,000 events/s.

The yardstick: from the acknowledgement to the first line of an empty foreachBatch on the same topic, trigger
0, under the same load. Ours is the streaming service as users run it: state, fold-in of every user, lake.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from os import environ
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import redis
from pydantic import SecretStr
from pyspark.sql import DataFrame

from benchmarks.context import BenchContext, Ratio
from clients.event_producer import Delivery, EventProducer, open_producer
from clients.spark_session import spark_session
from clients.topic_admin import create_topics, end_offsets
from contracts import topics
from contracts.events import Interaction
from contracts.settings import KafkaSettings, StreamingSettings, TrainingSettings
from contracts.stored import keyspace
from contracts.stored.manifest import Counts, Manifest
from contracts.stored.records import FreshList, decode_fresh, decode_ids
from ingest.files.rejected_lines import RejectedLines
from ingest.simulated.source import SyntheticWorld, WorldSize
from stack.machine.jars import jars_dir
from stack.processes.process import ServiceProcess
from streaming.records.source import read_topics
from training.registry.publish import Publisher
from training.rounds.parameters import recorded_parameters

EVENTS_PER_SECOND = 1000
USERS, ITEMS, HISTORY = 2000, 4000, 200_000
RANK = 16
# The JVM compiles for minutes; in the first two of them, the history's hours are counted.
_WARM_UP_SECONDS, _SECONDS = 180.0, 60.0
_PROBE_SECONDS = 0.2
_START_SECONDS = 120.0
_LOST_SECONDS = 30.0


class Acknowledged(NamedTuple):
    """A probe that Kafka has acknowledged."""

    at: float  # monotonic seconds
    partition: int
    offset: int


def run(context: BenchContext) -> list[Ratio]:
    """Median and p99 of the probes: ours idle, ours during a training round, and the yardstick."""
    seconds = max(10.0, _SECONDS * context.scale)
    create_topics(context.bootstrap)
    with _streaming(context) as client:
        idle = _ours(context, client, seconds)
        _print_histogram("ours", idle)
        with _training(context):
            busy = _ours(context, client, seconds)
        _print_histogram("ours beside a training", busy)
    yardstick = _yardstick(context, seconds)
    _print_histogram("yardstick", yardstick)
    peer = "the first line of an empty foreachBatch, trigger 0"
    return [
        _ratio("freshness, median", yardstick, idle, 50, 1 / 2, peer),
        _ratio("freshness, p99", yardstick, idle, 99, 1 / 3, peer),
        _ratio("freshness beside a training, p99", idle, busy, 99, 1 / 3, "ours without a training"),
    ]


def _ratio(name: str, peer: list[float], ours: list[float], percent: int, target: float, note: str) -> Ratio:
    our_seconds, peer_seconds = float(np.percentile(ours, percent)), float(np.percentile(peer, percent))
    return Ratio(
        name=name,
        ours=our_seconds,
        peer=peer_seconds,
        ratio=peer_seconds / our_seconds,
        unit="s",
        target=target,
        note=f"{note} (seconds: the peer's time / ours)",
    )


def _print_histogram(name: str, seconds: list[float]) -> None:
    edges = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 1000]
    counts, _ = np.histogram(seconds, edges)
    quantiles = ", ".join(f"p{p} {np.percentile(seconds, p):.3f} s" for p in (50, 90, 99))
    print(f"{name}: {len(seconds)} probes, {quantiles}", flush=True)
    for low, high, count in zip(edges, edges[1:], counts, strict=False):
        print(f"  {low:>5} - {high:<5} s {count:5d} {'#' * int(60 * count / max(1, len(seconds)))}")


# --- load and probes ---


@dataclass
class _Load:
    """1,000 ratings a second by random users of random items."""

    producer: EventProducer
    failed: list[Exception] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        random = np.random.default_rng(1)
        started, sent = time.monotonic(), 0
        while not self.stopping.wait(0.01):
            due = int((time.monotonic() - started) * EVENTS_PER_SECOND)
            users, items = random.integers(USERS, size=due - sent), random.integers(ITEMS, size=due - sent)
            for user, item in zip(users.tolist(), items.tolist(), strict=True):
                event = _rating(f"u{user + 1}", f"i{item + 1}", random.integers(1, 11) / 2)
                self.producer.send(
                    topics.INTERACTIONS.name, event.user_id.encode(), event.to_json(), self._on
                )
            sent = due

    def _on(self, _: Delivery | None, error: Exception | None) -> None:
        if error is not None:
            self.failed.append(error)


def _rating(user: str, item: str, value: float) -> Interaction:
    return Interaction(event_type="rating", user_id=user, item_id=item, value=float(value))


@contextmanager
def _under_load(context: BenchContext) -> Iterator[EventProducer]:
    settings = KafkaSettings(kafka_bootstrap_servers=context.bootstrap, kafka_client="confluent")
    producer, probes = open_producer(settings), open_producer(settings)
    load = _Load(producer)
    thread = threading.Thread(target=load.run)
    thread.start()
    try:
        yield probes
    finally:
        load.stopping.set()
        thread.join()
        for each in (producer, probes):
            each.flush(30)
            each.close()
    if load.failed:
        raise RuntimeError(f"{len(load.failed)} events of the load failed: {load.failed[0]}")


def _probe(producer: EventProducer, user: str, item: str) -> Acknowledged:
    taken: list[Acknowledged] = []
    done = threading.Event()

    def on_delivery(delivery: Delivery | None, error: Exception | None) -> None:
        if delivery is None:
            raise RuntimeError(f"a probe was lost: {error}")
        taken.append(Acknowledged(time.monotonic(), delivery.partition, delivery.offset))
        done.set()

    event = _rating(user, item, 5.0)
    producer.send(topics.INTERACTIONS.name, user.encode(), event.to_json(), on_delivery)
    producer.flush(10)
    done.wait(10)
    return taken[0]


def _repeat(seconds: float, once: Callable[[], None]) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        started = time.monotonic()
        once()
        time.sleep(max(0.0, _PROBE_SECONDS - (time.monotonic() - started)))


# --- ours ---


def _ours(context: BenchContext, client: redis.Redis, seconds: float) -> list[float]:
    random, latencies, items = np.random.default_rng(2), list[float](), _Items(client)

    with _under_load(context) as producer:

        def once() -> None:
            user = f"u{random.integers(USERS) + 1}"
            if best := items.of_user(user)[1][:1]:
                taken = _probe(producer, user, best[0])
                latencies.append(_wait_for_change(items, user, best[0], taken) - taken.at)

        _repeat(_WARM_UP_SECONDS, once)
        latencies.clear()
        _repeat(seconds, once)
    return latencies


class _Items:
    """Fresh lists by item id; a training changes the items' indexes."""

    def __init__(self, client: redis.Redis) -> None:
        self._client, self._version, self._ids = client, "", list[str]()

    def of_user(self, user: str) -> tuple[FreshList | None, list[str]]:
        """The user's list, and its items."""
        raw: Any = self._client.get(keyspace.fresh(user, 1))
        if raw is None:
            return None, []
        fresh = decode_fresh(raw)
        if fresh.version != self._version:
            found: Any = self._client.get(keyspace.model_items(fresh.version))
            self._version, self._ids = fresh.version, decode_ids(found)
        return fresh, [self._ids[index] for index in fresh.indexes]


def _wait_for_change(items: _Items, user: str, item: str, taken: Acknowledged) -> float:
    """The time at which the answer reflects the event: its offset is applied and its item is left out."""
    while time.monotonic() < taken.at + _LOST_SECONDS:
        fresh, listed = items.of_user(user)
        now = time.monotonic()
        if fresh is not None and fresh.offsets.get(taken.partition, 0) > taken.offset:
            if item in listed:
                raise RuntimeError(f"user {user} still gets item {item}")
            return now
        time.sleep(0.005)
    raise RuntimeError(f"an event of user {user} had not changed the answer after {_LOST_SECONDS:g} s")


@contextmanager
def _streaming(context: BenchContext) -> Iterator[redis.Redis]:
    """The streaming service with a model and a history that it has applied."""
    client = redis.Redis.from_url(context.redis_url)
    client.flushall()
    publish_model(context)
    send_history(context, HISTORY)
    process = _service(context, "streaming", {})
    try:
        events = sum(end_offsets(context.bootstrap, topics.INTERACTIONS.name).values())
        deadline = time.monotonic() + _START_SECONDS
        while _count_applied(client) < events or _waiting(client):
            process.check()
            if time.monotonic() > deadline:
                raise RuntimeError(f"streaming did not apply its history\n{process.log_tail()}")
            time.sleep(0.2)
        yield client
    finally:
        process.stop()


def _count_applied(client: redis.Redis) -> int:
    offsets: Any = client.hgetall(keyspace.APPLIED_ONLINE)
    return sum(int(v) for k, v in offsets.items() if k.startswith(b"interactions:"))


def _waiting(client: redis.Redis) -> bool:
    fresh: Any = client.exists(keyspace.fresh("u1", 1))
    return bool(client.exists(keyspace.pending(0))) or not fresh


def publish_model(context: BenchContext) -> None:
    """A version with random factors, whose values do not change the time."""
    random = np.random.default_rng(0)
    items = (random.standard_normal((ITEMS, RANK)) / np.sqrt(RANK)).astype(np.float32)
    users = random.standard_normal((USERS, RANK)) / np.sqrt(RANK)
    publisher = Publisher(context.redis_url, 1)
    publisher.begin("bench")
    publisher.write_items("bench", [f"i{n + 1}" for n in range(ITEMS)])
    publisher.write_factors("bench", items, users.T @ users)
    settings = TrainingSettings()
    manifest = Manifest(
        version="bench",
        created_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        lake_version=-1,
        parameters=recorded_parameters(settings.model_copy(update={"als_rank": RANK})),
        metrics={},
        counts=Counts(users=USERS, items=ITEMS, interactions=0),
        previous=None,
    )
    publisher.promote(manifest, None)


def send_history(context: BenchContext, ratings: int) -> None:
    """Send the built-in world's ratings to the topic."""
    world = SyntheticWorld(WorldSize(users=USERS, items=ITEMS, ratings=ratings))
    settings = KafkaSettings(kafka_bootstrap_servers=context.bootstrap, kafka_client="confluent")
    producer = open_producer(settings)
    for event in world.events(RejectedLines(print)):
        producer.send(topics.INTERACTIONS.name, event.key, event.value, lambda *_: None)
    producer.flush(120)
    producer.close()


@contextmanager
def _training(context: BenchContext) -> Iterator[None]:
    """Train in full, again and again."""
    process = _service(context, "training", {"TRAIN_EVERY_SECONDS": "1", "SPARK_MASTER": "local[1]"})
    publisher = Publisher(context.redis_url, 1)
    deadline = time.monotonic() + _START_SECONDS
    while publisher.read_status().phase in (None, "starting", "idle"):
        process.check()
        if time.monotonic() > deadline:
            raise RuntimeError(f"the trainer did not start\n{process.log_tail()}")
        time.sleep(0.2)
    try:
        yield
    finally:
        process.stop()


def _service(context: BenchContext, name: str, more: dict[str, str]) -> ServiceProcess:
    folder = context.work_dir / "freshness"
    env = {
        "KAFKA_BOOTSTRAP_SERVERS": context.bootstrap,
        "REDIS_URL": context.redis_url,
        "LAKE_URI": str(folder / "lake"),
        "MODELS_URI": str(folder / "models"),
        "CHECKPOINTS_URI": str(folder / "checkpoints"),
        "SPARK_JARS_DIR": str(jars_dir("spark").resolve()),
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    command = (sys.executable, "-m", name)
    return ServiceProcess.start(name, command, {**environ, **env, **more}, folder / "logs", folder / "run")


# --- the yardstick ---


def _yardstick(context: BenchContext, seconds: float) -> list[float]:
    settings = StreamingSettings(
        kafka_bootstrap_servers=context.bootstrap,
        redis_url=SecretStr(context.redis_url),
        spark_jars_dir=str(jars_dir("spark")),
        spark_conf={"spark.sql.streaming.numRecentProgressUpdates": "100000"},
    )
    spark = spark_session("headwater-bench", settings)
    begun: dict[int, float] = {}

    def first_line(_: DataFrame, batch_id: int) -> None:
        begun[batch_id] = time.monotonic()

    records = read_topics(spark, settings, settings.online_max_events_per_trigger)
    query = (
        records.writeStream.foreachBatch(first_line)
        .option("checkpointLocation", str(context.work_dir / "yardstick"))
        .trigger(processingTime="0 seconds")
        .start()
    )
    probes: list[Acknowledged] = []
    with _under_load(context) as producer:
        _repeat(_WARM_UP_SECONDS, lambda: probes.append(_probe(producer, "u1", "i1")))
        probes.clear()
        _repeat(seconds, lambda: probes.append(_probe(producer, "u1", "i1")))
    query.processAllAvailable()
    ends = [
        (begun[progress["batchId"]], _ends(progress["sources"][0]["endOffset"]))
        for progress in query.recentProgress
        if progress["batchId"] in begun
    ]
    query.stop()
    spark.stop()
    return [
        next(moment for moment, ends_at in ends if ends_at.get(probe.partition, 0) > probe.offset) - probe.at
        for probe in probes
    ]


def _ends(offsets: str | dict[str, Any]) -> dict[int, int]:
    parsed = json.loads(offsets) if isinstance(offsets, str) else offsets
    return {int(p): int(o) for p, o in parsed.get(topics.INTERACTIONS.name, {}).items()}
