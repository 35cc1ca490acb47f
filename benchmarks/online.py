"""The online query on a backlog, beside one that only reads and parses the same topic into the noop sink."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from statistics import median

import redis
from pydantic import SecretStr
from pyspark.sql import SparkSession
from pyspark.sql.streaming.readwriter import DataStreamWriter

from benchmarks.context import BenchContext, Ratio, alternating, median_ratio
from benchmarks.freshness import publish_model, send_history
from clients.topic_admin import create_topics, end_offsets
from contracts import topics
from contracts.settings import StreamingSettings
from stack.jars import jars_dir
from streaming.online_batch import OnlineBatch
from streaming.online_sink import applied_records
from streaming.parse import parse
from streaming.session import streaming_session
from streaming.source import read_topics
from streaming.state_keys import mark_written

_EVENTS, _ROUNDS, _MIN_EVENTS = 200_000, 3, 20_000


def run(context: BenchContext) -> list[Ratio]:
    """Events a second: into the state, with every user folded in, and parsed only."""
    create_topics(context.bootstrap)
    send_history(context, max(_MIN_EVENTS, int(_EVENTS * context.scale)))
    events = sum(end_offsets(context.bootstrap, topics.INTERACTIONS.name).values())
    client = redis.Redis.from_url(context.redis_url)
    spark = streaming_session(_settings(context, fold_in=False))

    def rate(writer: Callable[[], DataStreamWriter]) -> Callable[[], float]:
        def measure() -> float:
            client.flushall()
            publish_model(context)
            mark_written(client)
            prepared = writer().trigger(availableNow=True)
            started = time.monotonic()
            prepared.start().awaitTermination()
            return events / (time.monotonic() - started)

        return measure

    ours, folding, peer = alternating(
        [
            rate(lambda: _online(spark, context, fold_in=False)),
            rate(lambda: _online(spark, context, fold_in=True)),
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
        # Here all is folded in at once, which a replay would leave to its end.
        fold_in_max_events=10**9,
        fold_in_budget_seconds=600,
    )


def _online(spark: SparkSession, context: BenchContext, fold_in: bool) -> DataStreamWriter:
    settings = _settings(context, fold_in)
    records = read_topics(spark, settings, settings.online_max_events_per_trigger)
    reports = applied_records(records, settings, fold_in)
    return _checkpointed(reports.writeStream.foreachBatch(OnlineBatch(settings).write), context)


def _noop(spark: SparkSession, context: BenchContext) -> DataStreamWriter:
    settings = _settings(context, fold_in=False)
    parsed = parse(read_topics(spark, settings, settings.online_max_events_per_trigger))
    return _checkpointed(parsed.writeStream.format("noop"), context)


def _checkpointed(writer: DataStreamWriter, context: BenchContext) -> DataStreamWriter:
    return writer.option("checkpointLocation", str(context.work_dir / f"online-{uuid.uuid4().hex}"))
