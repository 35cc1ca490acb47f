"""Folds in users who wait: beyond a batch's budget, after a replay, or with a list that is out of date.

A list is out of date when the model is a newer one, or when it was hot and its user has been away since.

It runs beside the online query, in small Spark jobs in a pool of their own, most recently active users first.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
from pyspark.sql import SparkSession

from contracts import topics
from contracts.settings import StreamingSettings
from contracts.stored import keyspace
from contracts.stored.statuses import StreamingStatus
from streaming.fold_in.content import place_newest
from streaming.fold_in.cooling import queue_cooled
from streaming.fold_in.lists import fold_in_users, model_of
from streaming.state.applied_offsets import read_applied
from streaming.state.client import StateClient, connect
from streaming.state.patience import Patience
from streaming.state.status import read_status, write_status

log = logging.getLogger("headwater.catch_up")
# A job takes a core; short jobs leave room for the online query.
_USERS_PER_JOB = 256
_POLL_SECONDS = 0.2


class CatchUp(threading.Thread):
    """The thread that folds in waiting users until ``stop``. An error ends it and is kept in ``error``."""

    def __init__(
        self, spark: SparkSession, settings: StreamingSettings, is_replaying: Callable[[], bool]
    ) -> None:
        super().__init__(name="catch_up", daemon=True)
        self._spark, self._settings, self._is_replaying = spark, settings, is_replaying
        self._stopping = threading.Event()
        self._patience = Patience(self._stopping.wait)
        self.error: BaseException | None = None

    def stop(self) -> None:
        """End after the present job."""
        self._stopping.set()

    def run(self) -> None:
        """Fold users in until `stop` is called."""
        self._spark.sparkContext.setLocalProperty("spark.scheduler.pool", "catch_up")
        try:
            while not self._stopping.is_set():
                try:
                    is_idle = self._is_replaying() or not self.step()
                except Exception as error:
                    if not self._patience.wait(error):
                        raise
                    continue
                if is_idle:
                    self._stopping.wait(_POLL_SECONDS)
        except BaseException as error:
            self.error = error
            raise

    def step(self) -> bool:
        """Follow the model pointer, and fold in some of the waiting users. Returns False if nobody waits."""
        settings, client = self._settings, connect(self._settings.redis_url.get_secret_value())
        version = follow_model(client, settings)
        if version is not None:
            queue_cooled(client, settings.redis_shards, _now(client))
        waiting = count_pending(client, settings.redis_shards)
        write_status(client, StreamingStatus(pending_users=waiting))
        if version is None or not waiting:
            return False
        started = time.monotonic()
        users = newest_pending(client, settings.redis_shards, _USERS_PER_JOB)
        table = pa.table({"user_id": pa.array(users, pa.string())})
        rows = self._spark.createDataFrame(table).coalesce(1)
        rows.mapInArrow(_folder(settings), "users BIGINT").collect()
        log.info("%d of %d waiting users in %.2f s", len(users), waiting, time.monotonic() - started)
        return True


def follow_model(client: StateClient, settings: StreamingSettings) -> str | None:
    """Place new items and queue every active user if the pointer has moved.

    Returns the served version, None without one.
    """
    pointer: Any = client.get(keyspace.CURRENT_MODEL)
    version: str | None = pointer.decode() if pointer else None
    if version is None:
        _keep_active(client, settings.redis_shards)
        return None
    if read_status(client).fresh_version != version:
        if (model := model_of(client, version)) is not None:
            place_newest(client, model)
        oldest = time.time() * 1000 - 1000 * settings.fresh_ttl_seconds
        for shard in range(settings.redis_shards):
            client.zremrangebyscore(keyspace.active(shard), "-inf", oldest)
            keys = [keyspace.pending(shard), keyspace.active(shard)]
            client.zunionstore(keyspace.pending(shard), keys, aggregate="MAX")
        write_status(client, StreamingStatus(fresh_version=version))
    return version


def _keep_active(client: StateClient, shards: int) -> None:
    """While there is no model, users stay queued and are folded in when the first model comes."""
    for shard in range(shards):
        if client.exists(keyspace.pending(shard)):
            keys = [keyspace.active(shard), keyspace.pending(shard)]
            with client.pipeline(transaction=True) as pipeline:
                pipeline.zunionstore(keyspace.active(shard), keys, aggregate="MAX")
                pipeline.delete(keyspace.pending(shard))
                pipeline.execute()


def _now(client: StateClient) -> int:
    """The time in epoch ms by Redis' clock, which also dates the lists."""
    seconds, micros = client.time()
    return int(1000 * seconds + micros // 1000)


def count_pending(client: StateClient, shards: int) -> int:
    """How many users wait."""
    return sum(int(client.zcard(keyspace.pending(shard))) for shard in range(shards))


def newest_pending(client: StateClient, shards: int, count: int) -> list[str]:
    """The most recently active of the waiting users."""
    found: list[tuple[bytes, float]] = []
    for shard in range(shards):
        newest: Any = client.zrevrange(keyspace.pending(shard), 0, count - 1, withscores=True)
        found += newest
    found.sort(key=lambda pair: -pair[1])
    return [user.decode() for user, _ in found[:count]]


def _folder(settings: StreamingSettings) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def fold(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        client = connect(settings.redis_url.get_secret_value())
        applied = read_applied(client, keyspace.APPLIED_ONLINE)
        offsets = topics.interaction_offsets(applied)
        for batch in batches:
            users = batch.column("user_id").to_pylist()
            fold_in_users(client, users, offsets, settings, just_arrived=False)
            yield pa.RecordBatch.from_arrays([pa.array([len(users)], pa.int64())], names=["users"])

    return fold
