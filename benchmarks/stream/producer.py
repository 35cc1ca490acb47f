"""The producing path of ``headwater ingest`` against bare loops of the same libraries and the same bytes.

Our side is what the command runs for every event after reading it: pacing, the size check, the bound on
memory, the report of every event, the final flush. The bare loops set acks=all, idempotence and the same
linger and batch size, and do nothing else.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from statistics import median
from typing import Any

from confluent_kafka import Producer
from kafka import KafkaProducer

from benchmarks.context import BenchContext, Ratio, alternating, median_ratio
from clients.event_producer import ProducerLimits, open_producer
from clients.topic_admin import create_topics
from contracts.settings import KafkaSettings
from contracts.topics import INTERACTIONS, Topic
from ingest.files.rejected_lines import RejectedLines
from ingest.meaning.encoding import EncodedEvent
from ingest.sending.pace import at_pace
from ingest.sending.sending import Counts, send_events
from ingest.simulated.source import SyntheticWorld, WorldSize

_ROUNDS = 7
_KAFKA_PYTHON_EVENTS, _CONFLUENT_EVENTS = 50_000, 300_000
_LIMITS = ProducerLimits()
_FLUSH_SECONDS = 120.0
Events = list[EncodedEvent]


def run(context: BenchContext) -> list[Ratio]:
    """Events a second, ours and the bare loops', for both clients."""
    topic = f"bench-{uuid.uuid4().hex[:8]}"
    create_topics(context.bootstrap, (Topic(topic, INTERACTIONS.partitions, INTERACTIONS.config),))
    few = bench_events(int(_KAFKA_PYTHON_EVENTS * context.scale))
    many = bench_events(int(_CONFLUENT_EVENTS * context.scale))
    ours, bare = alternating(
        [
            lambda: _ours(context.bootstrap, topic, few, "kafka-python"),
            lambda: _bare_kafka_python(context.bootstrap, topic, few),
        ],
        _ROUNDS,
    )
    fast, reporting, silent = alternating(
        [
            lambda: _ours(context.bootstrap, topic, many, "confluent"),
            lambda: _bare_confluent(context.bootstrap, topic, many, reports=True),
            lambda: _bare_confluent(context.bootstrap, topic, many, reports=False),
        ],
        _ROUNDS,
    )
    return [
        _ratio("producer (kafka-python)", ours, bare, 0.9, "bare kafka-python loop"),
        _ratio("producer (confluent)", fast, reporting, 0.8, "bare confluent loop that hears of every event"),
        _ratio(
            "producer (confluent), blind peer", fast, silent, None, "bare loop that never learns of a failure"
        ),
    ]


def _ratio(name: str, ours: list[float], peer: list[float], target: float | None, note: str) -> Ratio:
    return Ratio(name, median(ours), median(peer), median_ratio(ours, peer), "events/s", target, note)


def bench_events(count: int) -> Events:
    """Encoded ratings of the built-in world, time-ordered: (time, line, key, value)."""
    users = max(20, count // 75)
    world = SyntheticWorld(WorldSize(users=users, items=500, ratings=count))
    return list(world.events(RejectedLines(print)))


def _events_per_second(count: int, send_all: Callable[[], None]) -> float:
    started = time.perf_counter()
    send_all()
    return count / (time.perf_counter() - started)


def _ours(bootstrap: str, topic: str, events: Events, client: Any) -> float:
    producer = open_producer(KafkaSettings(kafka_bootstrap_servers=bootstrap, kafka_client=client), _LIMITS)
    counts, stop = Counts(), threading.Event()

    def send_all() -> None:
        send_events(producer, at_pace(events, None, stop), counts, topic)
        producer.flush(_FLUSH_SECONDS)

    rate = _events_per_second(len(events), send_all)
    producer.close()
    if counts.acknowledged != len(events):
        raise RuntimeError(f"only {counts.acknowledged} of {len(events)} acknowledged: {counts.reasons}")
    return rate


def _bare_kafka_python(bootstrap: str, topic: str, events: Events) -> float:
    producer = KafkaProducer(
        bootstrap_servers=bootstrap,
        acks="all",
        enable_idempotence=True,
        linger_ms=_LIMITS.linger_ms,
        batch_size=_LIMITS.batch_bytes,
    )

    def send_all() -> None:
        for _, _, key, value in events:
            producer.send(topic, key=key, value=value)
        producer.flush()

    rate = _events_per_second(len(events), send_all)
    producer.close()
    return rate


def _bare_confluent(bootstrap: str, topic: str, events: Events, reports: bool) -> float:
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "acks": "all",
            "enable.idempotence": True,
            "linger.ms": _LIMITS.linger_ms,
            "batch.size": _LIMITS.batch_bytes,
            "queue.buffering.max.messages": len(events) + 1,
        }
    )
    acknowledged = 0

    def report(error: object, message: object) -> None:
        nonlocal acknowledged
        acknowledged += error is None

    callback: Any = report if reports else None

    def send_all() -> None:
        for _, _, key, value in events:
            producer.produce(topic, key=key, value=value, on_delivery=callback)
            producer.poll(0)
        producer.flush()

    return _events_per_second(len(events), send_all)
