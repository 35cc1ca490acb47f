"""Starts, waits for and stops the streaming service's queries in a test's own Spark."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import redis
from deltalake import DeltaTable
from kafka import KafkaProducer
from pyspark.sql import SparkSession

from clients.event_producer import open_producer
from contracts.settings import KafkaSettings, StreamingSettings
from contracts.stored import keyspace, lake
from streaming.lake.progress import publish_applied
from streaming.lake.sink import create_tables
from streaming.online.touched_items import is_unmerged
from streaming.pipeline import Pipeline, build_pipeline

DEADLINE_SECONDS = 400  # ends a wait that would hang; it measures nothing


def send(bootstrap: str, topic: str, records: list[tuple[bytes, bytes]]) -> None:
    failures: list[Exception] = []
    producer = open_producer(KafkaSettings(kafka_bootstrap_servers=bootstrap))
    for key, value in records:
        producer.send(topic, key, value, lambda _, error: failures.append(error) if error else None)
    assert producer.flush(30) == 0
    producer.close()
    assert failures == []


def send_in_transaction(bootstrap: str, topic: str, partition: int, key: bytes, value: bytes) -> None:
    """Send one record in a transaction, whose end takes an offset as well."""
    producer = KafkaProducer(bootstrap_servers=bootstrap, transactional_id="t", metrics_enabled=False)
    producer.init_transactions()
    producer.begin_transaction()
    producer.send(topic, key=key, value=value, partition=partition)
    producer.commit_transaction()
    producer.close()


def wait_until(done: Callable[[], bool], pipeline: Pipeline, what: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not done():
        assert pipeline.end_reason() is None
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


class Flow:
    """The queries over one set of folders; the test starts and stops them."""

    def __init__(self, spark: SparkSession, settings: StreamingSettings) -> None:
        self.spark, self.settings = spark, settings
        self.client = redis.Redis.from_url(settings.redis_url.get_secret_value())
        self.pipeline: Pipeline | None = None

    def start(self) -> None:
        create_tables(self.spark, self.settings.lake_uri)
        self.pipeline = build_pipeline(self.spark, self.settings)

    def stop(self) -> None:
        if self.pipeline is not None:
            self.pipeline.stop(self.spark)
        self.pipeline = None

    def wait_for(self, interactions: int, entries: int = 0) -> None:
        """Wait until both queries have applied this many records of each topic."""
        running = self.pipeline
        assert running is not None

        def is_applied() -> bool:
            publish_applied(running.queries, self.settings)
            if is_unmerged(self.client):
                return False
            for key in (keyspace.APPLIED_ONLINE, keyspace.APPLIED_LAKE):
                offsets: Any = self.client.hgetall(key)
                for topic, records in ((b"interactions:", interactions), (b"catalog:", entries)):
                    if sum(int(v) for p, v in offsets.items() if p.startswith(topic)) < records:
                        return False
            return True

        wait_until(is_applied, running, f"{interactions} interactions were not applied")

    def lake_rows(self) -> list[dict[str, Any]]:
        table = DeltaTable(lake.INTERACTIONS.path(self.settings.lake_uri)).to_pyarrow_table()
        return list(table.to_pylist())
