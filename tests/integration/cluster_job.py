"""What test_cluster.py runs on the cluster: the built-in world through the queries, then one round.

A separate process, since a JVM has one Spark and the other tests' runs locally.
"""

from __future__ import annotations

import time
from typing import Any

import redis

from clients.event_producer import open_producer
from clients.spark_session import spark_session
from contracts import topics
from contracts.events import Interaction
from contracts.settings import StreamingSettings, TrainingSettings
from contracts.stored import keyspace, lake
from contracts.stored.records import Popularity
from streaming.lake.sink import create_tables
from streaming.pipeline import build_pipeline
from training.registry.publish import Publisher
from training.rounds.round import Round, train

USERS, PER_USER = 30, 20


def send(settings: StreamingSettings) -> None:
    producer = open_producer(settings)
    for user in range(USERS):
        for place in range(PER_USER):
            item = (user % 3) + 3 * ((place + user) % 25)  # no user has all items of a group
            event = Interaction(
                event_type="rating",
                user_id=f"u{user}",
                item_id=f"i{item}",
                value=5.0 - place % 3,
                event_time=1_700_000_000_000 + place,
            )
            producer.send(topics.INTERACTIONS.name, event.user_id.encode(), event.to_json(), lambda *_: None)
    assert producer.flush(60) == 0
    producer.close()


def main() -> None:
    streaming = StreamingSettings(lake_trigger_seconds=1)
    spark = spark_session("cluster-job", streaming)
    send(streaming)
    client = redis.Redis.from_url(streaming.redis_url.get_secret_value())
    create_tables(spark, streaming.lake_uri)
    pipeline = build_pipeline(spark, streaming)
    path = lake.INTERACTIONS.path(streaming.lake_uri)
    deadline = time.monotonic() + 600
    rows = raters = 0
    while (rows, raters) != (USERS * PER_USER, USERS * PER_USER) and time.monotonic() < deadline:
        assert pipeline.end_reason() is None
        time.sleep(1)
        rows = spark.read.format("delta").load(path).count()
        stored: Any = client.hgetall(keyspace.POPULARITY)
        raters = sum(Popularity.decode(raw).raters for raw in stored.values())
    pipeline.stop(spark)
    print(f"lake: {rows}", f"raters: {raters}", sep="\n")
    executors = spark.sparkContext._jsc.sc().getExecutorMemoryStatus().size() - 1  # the driver is one
    print(f"executors: {executors}")
    settings = TrainingSettings()
    outcome, manifest = train(Round(spark, settings, Publisher.of(settings), lambda _: None))
    print(f"outcome: {outcome}")
    assert manifest is not None
    print(f"lists: {client.hlen(keyspace.top_n(0, manifest.version))}")
    spark.stop()


if __name__ == "__main__":
    main()
