"""Moves the outcomes that counted in the live figures from Redis to the lake.

Guarantee: at least once each. A kill between append and deletion leaves rows twice, so readers take each
event's newest row (`experiments/observations/outcomes.py`). If Redis went back, events are scored again, and
the later outcome counts: that too is the newest row.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from pyspark.sql import SparkSession

from contracts.live_outcomes import Outcome
from contracts.settings import StreamingSettings
from contracts.stored import keyspace, lake
from streaming.lake.sink import append_more
from streaming.state.client import StateClient, connect_briefly
from streaming.state.script import lua

_MOST = 50_000  # outcomes of a shard that are moved at a time


def take_outcomes(spark: SparkSession, settings: StreamingSettings) -> int:
    """Append the waiting outcomes to the lake, then delete them from Redis. Returns how many."""
    client = connect_briefly(settings.redis_url.get_secret_value())
    shards = range(settings.redis_shards)
    waiting = {shard: _waiting(client, shard) for shard in shards}
    rows = [row_of_outcome(Outcome.decode(line)) for lines in waiting.values() for line in lines]
    if not rows:
        return 0
    append_more(spark.createDataFrame(rows, lake.OUTCOMES.ddl).coalesce(1), lake.OUTCOMES, settings.lake_uri)
    script = client.register_script(lua(__package__, "take_outcomes.lua"))
    for shard, lines in waiting.items():
        if lines:
            script(keys=[keyspace.outcomes(shard)], args=[len(lines), lines[-1]])
    return len(rows)


def _waiting(client: StateClient, shard: int) -> list[bytes]:
    found: Any = client.lrange(keyspace.outcomes(shard), 0, _MOST - 1)
    return list(found)


def row_of_outcome(outcome: Outcome) -> tuple[Any, ...]:
    """The outcome as a row, in the column order of lake.OUTCOMES."""
    return (
        *outcome.scored,
        _moment(outcome.scored_at),
        outcome.partition,
        outcome.offset,
        _moment(outcome.through),
    )


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, timezone.utc)
