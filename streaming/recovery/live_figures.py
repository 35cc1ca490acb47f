"""Restores live figures that Redis has lost, from the lake's outcomes and those still waiting for the lake.

It runs while the online query waits (`streaming/state/gate.py`), so that nothing is counted meanwhile. It
writes differences, so it is correct to run it again after a kill.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from pyspark.sql import DataFrame, Row, SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812

from contracts.live_figures import (
    HOUR_MS,
    KEEP_SECONDS,
    add_shards,
    day_of,
    days_until,
    hour_of,
    kept_field,
    split_field,
    whole_hours,
)
from contracts.live_outcomes import Outcome, Scored, day_fields
from contracts.settings import StreamingSettings
from contracts.stored import keyspace, lake
from streaming.lake.outcomes import row_of_outcome
from streaming.lake.sink import is_empty
from streaming.state.client import StateClient

_SHARD = 0  # an outcome names no user, so no shard: readers add the shards up
_PLACE = ("kafka_partition", "kafka_offset", "ingest_time")
Fields = Mapping[str, int]


def write_live_figures(spark: SparkSession, client: StateClient, settings: StreamingSettings) -> int:
    """Make the figures of the days that Redis keeps agree with the outcomes. Returns how many fields changed.

    Hours for which Redis has counted more than the lake has are not changed.
    """
    now_ms = time.time_ns() // 1_000_000
    outcomes = _outcomes(spark, client, settings)
    wanted, changed = _days([] if outcomes is None else _counts(outcomes)), 0
    for day in days_until(now_ms, KEEP_SECONDS // 3600):
        if day not in wanted:
            continue
        shards: Any = [client.hgetall(keyspace.live(day, shard)) for shard in range(settings.redis_shards)]
        moves = differences(wanted[day], add_shards(shards))
        if not moves:
            continue
        key = keyspace.live(day, _SHARD)
        with client.pipeline(transaction=True) as pipeline:
            for field, amount in moves.items():
                pipeline.hincrby(key, field, amount)
            pipeline.expire(key, _seconds_left(day, now_ms))
            pipeline.execute()
        changed += len(moves)
    return changed


def differences(wanted: Fields, present: Fields) -> dict[str, int]:
    """The amount to add to each field of a day, so that it holds the wanted value."""
    whole = whole_hours(present)
    partial = {split_field(field)[:2] for field in present} - whole
    moves = {field: wanted.get(field, 0) - present.get(field, 0) for field in {*wanted, *present}}
    return {
        field: amount for field, amount in moves.items() if amount and split_field(field)[:2] not in partial
    }


def _days(counted: list[tuple[int, Scored, int]]) -> dict[str, dict[str, int]]:
    """Day -> field -> amount, with the counts of what was kept."""
    days = day_fields(counted)
    kept: dict[tuple[str, str], int] = defaultdict(int)
    for through, scored, count in counted:
        kept[day_of(through), kept_field(hour_of(through), scored.model_version)] += count
    for (day, field), count in kept.items():
        days[day][field] = count
    return days


def _counts(outcomes: DataFrame) -> list[tuple[int, Scored, int]]:
    """The number of events by hour and score: (the hour's begin, the score, the number)."""
    rows = _newest_of_each(outcomes)
    hour = (F.floor(F.unix_millis("ingest_time") / HOUR_MS) * HOUR_MS).cast("bigint")
    groups: Iterable[Row] = rows.groupBy(hour.alias("hour"), *Scored._fields).count().collect()
    return [
        (int(group["hour"]), Scored(*(group[name] for name in Scored._fields)), int(group["count"]))
        for group in groups
    ]


def _outcomes(spark: SparkSession, client: StateClient, settings: StreamingSettings) -> DataFrame | None:
    """lake.OUTCOMES: what waits for the lake, and what the lake holds of the days that Redis keeps.

    They are read in this order, so that an outcome that moves to the lake meanwhile is found twice and
    counted once. None if there is no outcome.
    """
    lines: Any = [
        line
        for shard in range(settings.redis_shards)
        for line in client.lrange(keyspace.outcomes(shard), 0, -1)
    ]
    path = lake.OUTCOMES.path(settings.lake_uri)
    nothing_stored = is_empty(spark, path)
    if nothing_stored and not lines:
        return None
    waiting = spark.createDataFrame(
        [row_of_outcome(Outcome.decode(line)) for line in lines], lake.OUTCOMES.ddl
    )
    if nothing_stored:
        return waiting
    since = datetime.now(timezone.utc) - timedelta(seconds=KEEP_SECONDS + 86_400)
    stored = spark.read.format("delta").load(path).filter(F.col("ingest_time") >= F.lit(since))
    return stored.unionByName(waiting)


def _newest_of_each(rows: DataFrame) -> DataFrame:
    """One row for each event: the one scored last, as in experiments/observations/outcomes.py."""
    newest = Window.partitionBy(*_PLACE).orderBy(F.col("scored_at").desc())
    return rows.withColumn("turn", F.row_number().over(newest)).filter("turn = 1")


def _seconds_left(day: str, now_ms: int) -> int:
    """Seconds until a day's figures expire, as if they had last been written at the end of the day."""
    end = datetime.strptime(day, "%Y%m%d").replace(tzinfo=timezone.utc) + timedelta(days=1)
    return max(1, min(KEEP_SECONDS, KEEP_SECONDS - round(now_ms / 1000 - end.timestamp())))
