"""Publishes how far the lake query has come, and that the service is alive."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from contextlib import suppress

from pyspark.sql.streaming.query import StreamingQuery

from contracts.settings import StreamingSettings
from contracts.stored import keyspace
from contracts.stored.statuses import StreamingStatus
from contracts.topics import PartitionOffsets, TopicOffsets, by_partition
from streaming.state.applied_offsets import write_applied
from streaming.state.client import RedisError, connect_briefly
from streaming.state.status import report


def publish_applied(queries: Iterable[StreamingQuery], settings: StreamingSettings) -> PartitionOffsets:
    """Return the lake query's next offsets, and write them to Redis unless that takes longer than a second.

    The online query's workers write their own offsets.
    """
    reached: PartitionOffsets = {}
    client = connect_briefly(settings.redis_url.get_secret_value())
    for query in queries:
        progress = query.lastProgress
        if query.name == "lake" and progress is not None and progress["sources"][0]["endOffset"]:
            reached = next_offsets(progress["sources"][0]["endOffset"])
            with suppress(RedisError):
                write_applied(client, keyspace.APPLIED_LAKE, reached)
    return reached


def beat(settings: StreamingSettings) -> None:
    """Write to Redis that the service is alive, unless that takes longer than a second."""
    report(settings.redis_url.get_secret_value(), StreamingStatus(heartbeat=int(1000 * time.time())))


def next_offsets(end_offset: str | TopicOffsets) -> PartitionOffsets:
    """Turn Spark's ``{"topic": {"0": 5}}``, as text or parsed, into ``{"topic:0": 5}``."""
    return by_partition(json.loads(end_offset) if isinstance(end_offset, str) else end_offset)
