"""The online query on a backlog, against a query that only reads and parses the same topic."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from statistics import median

import redis
from pydantic import SecretStr
from pyspark.sql import SparkSession

from benchmarks.context import BenchContext, Ratio, alternating, median_ratio
from benchmarks.stream.freshness import publish_model, send_history
from clients.topic_admin import create_topics, topic_ends
from contracts.settings import StreamingSettings
from contracts.topics import PartitionOffsets, lag
from stack.machine.jars import jars_dir
from streaming.online.backlog import apply_between, next_part
from streaming.records.parse import parse
from streaming.records.source import read_topics
from streaming.runtime.session import streaming_session
from streaming.state.keys import mark_written

_EVENTS, _ROUNDS, _MIN_EVENTS = 200_000, 3, 20_000


def run(context: BenchContext) -> list[Ratio]:
    """Events a second of a backlog: into the state, with every user folded in, and parsed only."""
    create_topics(context.bootstrap)
    send_history(context, max(_MIN_EVENTS, int(_EVENTS * context.scale)))
    ends = topic_ends(context.bootstrap)
    events = sum(ends.values())
    client = redis.Redis.from_url(context.redis_url)
    spark = streaming_session(_settings(context, fold_in=False), partitions=0)

    def rate(work: Callable[[], None]) -> Callable[[], float]:
        def measure() -> float:
            client.flushall()
            publish_model(context)
            mark_written(client)
            started = time.monotonic()
            work()
            return events / (time.monotonic() - started)

        return measure

    ours, folding, peer = alternating(
        [
            rate(lambda: _online(spark, client, _settings(context, fold_in=False), ends)),
            rate(lambda: _online(spark, client, _settings(context, fold_in=True), ends)),
            rate(lambda: _noop(spark, context)),
        ],
        _ROUNDS,
    )
    spark.stop()
    note = "the same topic read and parsed into the noop sink"
    return [
        Ratio("online query", median(ours), median(peer), median_ratio(ours, peer), "events/s", 0.4, note),
        Ratio(
            "online query, folding users in",
            median(folding),
            median(peer),
            median_ratio(folding, peer),
            "events/s",
            None,
            note,
        ),
    ]


def _settings(context: BenchContext, fold_in: bool) -> StreamingSettings:
    return StreamingSettings(
        kafka_bootstrap_servers=context.bootstrap,
        redis_url=SecretStr(context.redis_url),
        spark_jars_dir=str(jars_dir("spark")),
        fold_in=fold_in,
        # All users are folded in at once, whereas a replay folds them in at its end.
        fold_in_max_events=10**9,
        fold_in_budget_seconds=600,
    )


def _online(
    spark: SparkSession, client: redis.Redis, settings: StreamingSettings, ends: PartitionOffsets
) -> None:
    starts = dict.fromkeys(ends, 0)
    while lag(ends, starts):
        part = next_part(starts, ends, settings.online_max_events_per_trigger)
        apply_between(spark, client, settings, starts, part)
        starts = part


def _noop(spark: SparkSession, context: BenchContext) -> None:
    settings = _settings(context, fold_in=False)
    parsed = parse(read_topics(spark, settings, settings.online_max_events_per_trigger))
    folder = context.work_dir / f"online-{uuid.uuid4().hex}"
    writer = parsed.writeStream.format("noop").option("checkpointLocation", str(folder))
    writer.trigger(availableNow=True).start().awaitTermination()
