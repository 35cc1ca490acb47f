"""Moves outcomes from a real Redis to a real Delta table."""

from __future__ import annotations

from pathlib import Path

from pyspark.sql import SparkSession

from contracts.live_figures import BATCH, FALLBACK
from contracts.live_outcomes import Outcome, Scored
from contracts.settings import StreamingSettings
from contracts.stored import keyspace
from experiments.observations.outcomes import newest_of_each, read_outcomes, rows_of
from streaming.lake.outcomes import take_outcomes
from streaming.state.client import connect
from streaming.state.script import lua
from tests.empty_lake import EmptyLake

AT = 1_767_225_600_123
OUTCOMES = [
    Outcome(0, 1, AT, AT + 9, Scored("v", BATCH, 2, 2, None)),
    Outcome(0, 2, AT, AT + 9, Scored("v", FALLBACK, None, None, None)),
    Outcome(1, 1, AT, AT + 9, Scored("w", BATCH, 1, 1, 1)),
]


def test_waiting_outcomes_go_to_the_lake_and_a_kill_counts_none_twice(
    spark: SparkSession, empty_lake: EmptyLake, tmp_path: Path, redis_url: str
) -> None:
    settings = StreamingSettings(redis_url=redis_url, redis_shards=2, lake_uri=str(tmp_path))
    client = connect(redis_url)
    empty_lake(str(tmp_path))
    assert take_outcomes(spark, settings) == 0
    client.rpush(keyspace.outcomes(0), *(each.encode() for each in OUTCOMES[:2]))
    client.rpush(keyspace.outcomes(1), OUTCOMES[2].encode())
    assert take_outcomes(spark, settings) == 3
    assert client.exists(keyspace.outcomes(0), keyspace.outcomes(1)) == 0
    in_lake = newest_of_each(read_outcomes(str(tmp_path)))
    assert in_lake.equals(rows_of(OUTCOMES))
    # As after a kill between the writes to the lake and to Redis, the outcome is moved again.
    client.rpush(keyspace.outcomes(1), OUTCOMES[2].encode())
    assert take_outcomes(spark, settings) == 1
    assert read_outcomes(str(tmp_path)).num_rows == 4
    assert newest_of_each(read_outcomes(str(tmp_path))).equals(in_lake)


def test_outcomes_are_not_removed_from_a_redis_that_went_back(redis_url: str) -> None:
    client = connect(redis_url)
    script = client.register_script(lua("streaming.lake", "take_outcomes.lua"))
    client.rpush("waiting", "a", "b", "c")
    script(keys=["waiting"], args=[2, "another"])
    script(keys=["waiting"], args=[4, "c"])
    assert client.lrange("waiting", 0, -1) == [b"a", b"b", b"c"]
    script(keys=["waiting"], args=[2, "b"])
    assert client.lrange("waiting", 0, -1) == [b"c"]
