"""How far the queries have come: the lake's committed offsets, and the online one's heartbeat."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable

from pyspark.sql.streaming.query import StreamingQuery

from contracts import keyspace
from contracts.settings import StreamingSettings
from streaming import redis_sink

_POLLED_SECONDS = 0.5  # generously: session.py polls an idle query more often, and a batch's end takes a part


def publish_applied(queries: Iterable[StreamingQuery], settings: StreamingSettings) -> None:
    """Write the lake query's next offsets to Redis. (The online query writes its own, batch by batch.)"""
    client = redis_sink.connect(settings.redis_url.get_secret_value())
    for query in queries:
        progress = query.lastProgress
        if query.name == "lake" and progress is not None and progress["sources"][0]["endOffset"]:
            redis_sink.write_applied(
                client, keyspace.APPLIED_LAKE, next_offsets(progress["sources"][0]["endOffset"])
            )


class Heartbeat:
    """Says up to when everything is applied while nothing arrives; batches say it otherwise."""

    def __init__(self) -> None:
        self._idle_since: float | None = None

    def beat(self, queries: Iterable[StreamingQuery], settings: StreamingSettings) -> None:
        """Write the moment of the last beat if the online query has found nothing new since."""
        now = time.time()
        status = next(query.status for query in queries if query.name == "online")
        is_idle = not status["isDataAvailable"] and not status["isTriggerActive"]
        client = redis_sink.connect(settings.redis_url.get_secret_value())
        figures = {"heartbeat": str(int(1000 * now))}
        if is_idle and self._idle_since is not None:
            figures["online_through"] = str(int(1000 * self._idle_since))
        # The query looks for data once a trigger: what came before the last beat would have been seen.
        looks_every = max(settings.online_trigger_seconds, _POLLED_SECONDS)
        self._idle_since = now - looks_every if is_idle else None
        redis_sink.write_status(client, figures)


def next_offsets(end_offset: str | dict[str, dict[str, int]]) -> dict[str, int]:
    """Spark's ``{"topic": {"0": 5}}``, as text or parsed, to ``{"topic:0": 5}``."""
    parsed = json.loads(end_offset) if isinstance(end_offset, str) else end_offset
    return {
        f"{topic}:{partition}": int(offset)
        for topic, partitions in parsed.items()
        for partition, offset in partitions.items()
    }
